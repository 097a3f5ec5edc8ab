//go:build unix && !linux

package main

import "golang.org/x/sys/unix"

// leaveNoCore sees to it that a crash writes no image of the memory to disk: it would hold credentials.
func leaveNoCore() error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }
