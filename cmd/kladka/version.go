package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is set by the release build: -ldflags "-X main.release=1.2.3".
var release string

// version is the release, else what the build knows of the source it was made from.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = ", modified"
		}
	}
	if revision == "" {
		return "development"
	}
	return fmt.Sprintf("development (%.12s%s)", revision, changed)
}

type versionCmd struct{}

// Run prints the version.
func (*versionCmd) Run(s *surroundings) error {
	s.print("kladka %s (%s, %s/%s)", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
