package run_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cloakroom/internal/run"
)

func TestFind(t *testing.T) {
	dir := t.TempDir()
	put := func(path string, mode os.FileMode) string {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	named := put("named/my-envoy", 0o755)
	inPath := put("path/envoy", 0o755)
	inTools := put("tools/envoy/_bin/envoy", 0o755)
	inData := put("data/cloakroom/tools/envoy/_bin/envoy", 0o755)
	inHome := put("home/.local/share/cloakroom/tools/envoy/_bin/envoy", 0o755)
	plain := put("plain/envoy", 0o644)
	sub := func(name string) string { return filepath.Join(dir, name) }

	for _, tc := range []struct {
		name string
		env  map[string]string
		want string // a path, or what the error says after "!"
	}{
		{"named", map[string]string{"ENVOY_BIN": named, "PATH": sub("path")}, named},
		{"named, but absent", map[string]string{"ENVOY_BIN": sub("none"), "PATH": sub("path")}, "!ENVOY_BIN"},
		{"in PATH before the tools", map[string]string{"PATH": sub("empty") + ":" + sub("path"), "CLOAKROOM_TOOLS": sub("tools")}, inPath},
		{"not executable in PATH", map[string]string{"PATH": filepath.Dir(plain), "CLOAKROOM_TOOLS": sub("tools")}, inTools},
		{"a relative PATH is not followed", map[string]string{"PATH": ".:", "HOME": sub("empty")}, "!make tools"},
		{"tools folder", map[string]string{"CLOAKROOM_TOOLS": sub("tools"), "HOME": sub("home")}, inTools},
		{"data folder", map[string]string{"XDG_DATA_HOME": sub("data"), "HOME": sub("home")}, inData},
		{"home", map[string]string{"HOME": sub("home")}, inHome},
		{"nowhere", map[string]string{"HOME": sub("empty")}, "!make tools"},
		{"no environment", nil, "!make tools"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := run.Find(func(name string) string { return tc.env[name] })
			if says, bad := strings.CutPrefix(tc.want, "!"); bad {
				if err == nil || !strings.Contains(err.Error(), says) {
					t.Errorf("Find: %q, %v; want an error that says %q", got, err, says)
				}
				return
			}
			if err != nil || got != tc.want {
				t.Errorf("Find: %q, %v; want %q", got, err, tc.want)
			}
		})
	}
}
