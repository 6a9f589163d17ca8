package main

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// The collector's settings where the environment says nothing: collecting less
// often takes a tenth off the service's CPU, and what lives is small.
const (
	collectPercent = 400
	limitFile      = "/sys/fs/cgroup/memory.max"
)

// tuneMemory sets them. A container's own limit bounds what is not collected;
// GOGC and GOMEMLIMIT go before both.
func tuneMemory(env func(string) (string, bool)) {
	if _, set := env("GOGC"); !set {
		debug.SetGCPercent(collectPercent)
	}
	if _, set := env("GOMEMLIMIT"); set {
		return
	}
	text, err := os.ReadFile(limitFile)
	if err != nil {
		return
	}
	if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil { // else "max"
		debug.SetMemoryLimit(limit / 10 * 9)
	}
}
