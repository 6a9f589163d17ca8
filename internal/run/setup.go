package run

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// available binds the address for a moment, since Envoy takes half a second to
// say the same in a paragraph.
func available(listen string) error {
	if listen == "" || strings.HasSuffix(listen, ":0") {
		return nil
	}
	l, err := net.Listen("tcp", listen)
	if err == nil {
		return l.Close()
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		err = errno
	}
	return fmt.Errorf("listening on %q: %w", listen, err)
}

func writeBootstrap(dir string, text []byte) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("writing Envoy's bootstrap: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return "", fmt.Errorf("writing Envoy's bootstrap: %w", err)
	}
	f, err := os.CreateTemp(dir, "bootstrap-*.json") // 0600
	if err != nil {
		return "", fmt.Errorf("writing Envoy's bootstrap: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return "", fmt.Errorf("writing Envoy's bootstrap: %w", err)
	}
	return filepath.Abs(f.Name())
}

func arguments(bootstrap string, concurrency int) []string {
	args := []string{
		"--config-path", bootstrap,
		"--disable-hot-restart",
		"--log-level", "warning",
		"--log-format", "%l %n: %v",
	}
	if concurrency > 0 {
		args = append(args, "--concurrency", strconv.Itoa(concurrency))
	}
	return args
}

// environment is what Envoy may see of this process's own.
func environment(env func(string) string) []string {
	kept := []string{}
	for _, name := range []string{"PATH", "TMPDIR", "TZ", "LANG"} {
		if v := env(name); v != "" {
			kept = append(kept, name+"="+v)
		}
	}
	return kept
}
