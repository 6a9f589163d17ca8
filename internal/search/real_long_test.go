//go:build long

package search_test

import "testing"

const (
	realMost     = 1 << 30
	realOfFolder = 256 << 20
	realLeast    = 64 << 20 // Go's own source
)

func realFolders(t *testing.T) []string {
	return []string{goEnv(t, "GOMODCACHE"), "/usr/share", "/usr/include", "/usr/lib", "/usr/local/lib", "/var/log", "/opt"}
}
