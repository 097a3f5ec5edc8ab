package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of the kernel's CPU times.
const tick = 10 * time.Millisecond

// ownCPU is the CPU time that this process has taken.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMemory is the most memory that this process has held. What getrusage says of that begins
// with the memory of the process that started it.
func peakMemory() int64 { return statusField("self", "VmHWM:") }

// memoryOf is what a process holds now.
func memoryOf(pid int) int64 { return statusField(strconv.Itoa(pid), "VmRSS:") }

func statusField(process, field string) int64 {
	b, err := os.ReadFile("/proc/" + process + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), field)
	var kilobytes int64
	if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
		return 0
	}
	return kilobytes << 10
}

// cpuOf is the CPU time of a process.
func cpuOf(pid int) time.Duration {
	f := statFields(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if f == nil {
		return 0
	}
	return ticks(f, 11, 12)
}

// cpuOfTree is the CPU time of a process, of its children and of those that have ended.
func cpuOfTree(pid int) time.Duration {
	for {
		f := statFields(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if f == nil {
			return 0
		}
		ended := ticks(f, 13, 14)
		sum := ticks(f, 11, 12) + ended
		all, err := filepath.Glob("/proc/[0-9]*/stat")
		if err != nil {
			return 0
		}
		for _, path := range all {
			if f := statFields(path); f != nil && f[1] == strconv.Itoa(pid) {
				sum += ticks(f, 11, 12)
			}
		}
		// A child that ended meanwhile may have been counted in neither place, or in both.
		if f = statFields(filepath.Join("/proc", strconv.Itoa(pid), "stat")); f == nil || ticks(f, 13, 14) == ended {
			return sum
		}
	}
}

// statFields gives the fields after the command's name: the state first, then the parent.
func statFields(path string) []string {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 15 {
		return nil
	}
	return f
}

func ticks(fields []string, at ...int) time.Duration {
	var sum int64
	for _, i := range at {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0
		}
		sum += n
	}
	return time.Duration(sum) * tick
}
