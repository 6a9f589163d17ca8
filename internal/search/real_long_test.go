//go:build long

package search_test

import (
	"os/exec"
	"strings"
	"testing"
)

const (
	realMost     = 1 << 30
	realOfFolder = 256 << 20
	realLeast    = 64 << 20 // Go's own source
)

func realFolders(t *testing.T) []string {
	modules, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return []string{strings.TrimSpace(string(modules)), "/usr/share", "/usr/include", "/usr/lib", "/usr/local/lib", "/var/log", "/opt"}
}
