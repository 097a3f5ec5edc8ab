package main

import "golang.org/x/sys/unix"

// leaveNoCore sees to it that a crash writes no image of the memory to disk: it would hold credentials.
// The limit is not asked where a program takes the images, so the process is also marked as not to be
// dumped; that keeps other processes of the user from reading its memory, too.
func leaveNoCore() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
