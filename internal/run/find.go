package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Find returns the path of Envoy's binary: ENVOY_BIN, else "envoy" in PATH,
// else the one that `make tools` puts into the tools folder. env is os.Getenv,
// or what stands for it in a test.
func Find(env func(string) string) (string, error) {
	if path := env("ENVOY_BIN"); path != "" {
		if !executable(path) {
			return "", fmt.Errorf("finding Envoy: ENVOY_BIN %q is no executable file", path)
		}
		return path, nil
	}
	for _, dir := range filepath.SplitList(env("PATH")) {
		if path := filepath.Join(dir, "envoy"); filepath.IsAbs(dir) && executable(path) {
			return path, nil
		}
	}
	tools := Tools(env)
	if tools == "" {
		return "", errors.New("finding Envoy: not in PATH; set ENVOY_BIN, or HOME and run `make tools`")
	}
	path := filepath.Join(tools, "envoy", "_bin", "envoy")
	if !executable(path) {
		return "", fmt.Errorf("finding Envoy: not in PATH and not at %q; run `make tools`, or set ENVOY_BIN", path)
	}
	return path, nil
}

// Tools is the folder that `make tools` fills: CLOAKROOM_TOOLS, else
// cloakroom/tools in the user's data folder. Empty where neither is known.
func Tools(env func(string) string) string {
	if dir := env("CLOAKROOM_TOOLS"); dir != "" {
		return dir
	}
	if data := env("XDG_DATA_HOME"); data != "" {
		return filepath.Join(data, "cloakroom", "tools")
	}
	if home := env("HOME"); home != "" {
		return filepath.Join(home, ".local", "share", "cloakroom", "tools")
	}
	return ""
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
