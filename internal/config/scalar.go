package config

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// text reads a text that is not empty.
func (l *loader) text(n *yaml.Node, what string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		hint := ""
		if n.Kind == yaml.ScalarNode && n.ShortTag() != "!!null" {
			hint = "put it in quotes"
		}
		l.wrong(n, what, hint)
		return "", false
	}
	if n.Value == "" {
		l.fail(n, "", "want %s, found an empty text", what)
		return "", false
	}
	return n.Value, true
}

func (l *loader) boolean(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		l.wrong(n, "true or false", "")
		return false
	}
	return strings.EqualFold(n.Value, "true")
}

// integer reads a decimal number from least to most.
func (l *loader) integer(n *yaml.Node, least, most int64) int64 {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" {
		l.wrong(n, "a whole number", "")
		return least
	}
	v, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil || v < least || v > most {
		l.fail(n, "", "%s is not a whole number from %d to %d", n.Value, least, most)
		return least
	}
	return v
}

// duration reads "90d", "1h30m", "5s" and the like, at least least.
func (l *loader) duration(n *yaml.Node, least time.Duration) time.Duration {
	const hint = "write a number and a unit: 30s, 15m, 2h, 90d"
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		l.wrong(n, "a duration", hint)
		return least
	}
	d, err := time.ParseDuration(n.Value)
	if days, ok := strings.CutSuffix(n.Value, "d"); ok {
		var count uint64
		count, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(count) * 24 * time.Hour
	}
	switch {
	case err != nil:
		l.fail(n, hint, "%q is not a duration", n.Value)
		return least
	case d < least:
		l.fail(n, "", "%q is too short: at least %v", n.Value, least)
	}
	return d
}

// span reads a duration from least to most.
func (l *loader) span(n *yaml.Node, least, most time.Duration) time.Duration {
	d := l.duration(n, least)
	if d > most {
		l.fail(n, "", "%q is too long: at most %v", n.Value, most)
		return most
	}
	return d
}

var units = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"B", 1}}

// size reads "64KiB", "1 MiB" and the like, in bytes.
func (l *loader) size(n *yaml.Node, least, most int64) int64 {
	const hint = "write a number and a unit: 512B, 64KiB, 16MiB, 1GiB"
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		l.wrong(n, "a size", hint)
		return least
	}
	for _, u := range units {
		number, ok := strings.CutSuffix(n.Value, u.name)
		if !ok {
			continue
		}
		v, err := strconv.ParseInt(strings.TrimSpace(number), 10, 32)
		if err != nil {
			break
		}
		if v *= u.bytes; v < least || v > most {
			l.fail(n, "", "%q is not from %s to %s", n.Value, sizeText(least), sizeText(most))
		}
		return v
	}
	l.fail(n, hint, "%q is not a size", n.Value)
	return least
}

// sizeText writes bytes as size reads them.
func sizeText(bytes int64) string {
	best := units[len(units)-1]
	for _, u := range units {
		if bytes > 0 && bytes%u.bytes == 0 && u.bytes > best.bytes {
			best = u
		}
	}
	return strconv.FormatInt(bytes/best.bytes, 10) + best.name
}

// path reads a file's or folder's path and resolves it.
func (l *loader) path(n *yaml.Node, what string) string {
	s, ok := l.text(n, what)
	if !ok {
		return ""
	}
	return l.resolve(s)
}

func (l *loader) resolve(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(l.dir, path)
}

// maxSocket is the longest path of a Unix socket (sockaddr_un, less the NUL).
const maxSocket = 107

// address reads "unix:///path", "unix:path" or "host:port", and refuses one
// that is taken.
func (l *loader) address(n *yaml.Node, socket bool) string {
	want, hint := "an address", `write "127.0.0.1:9191"`
	if socket {
		hint += ` or "unix:///run/cloakroom/grpc.sock"`
	}
	s, ok := l.text(n, want)
	if !ok {
		return ""
	}
	if path, ok := strings.CutPrefix(s, "unix:"); ok && socket {
		path = l.resolve(strings.TrimPrefix(path, "//"))
		if strings.HasSuffix(s, "/") || strings.HasSuffix(s, ":") || len(path) > maxSocket {
			l.fail(n, "", "%q is no path of a socket of at most %d bytes", s, maxSocket)
		}
		s = "unix://" + path
	} else if !isHostPort(s, 0) {
		l.fail(n, hint, "%q is not an address to listen on", s)
		return ""
	}
	if first := l.listening[s]; first != nil && !strings.HasSuffix(s, ":0") {
		l.fail(n, "choose another", "address %q is taken on line %d", s, first.Line)
	}
	l.listening[s] = n
	return s
}

func isHostPort(s string, least uint64) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	p, err := strconv.ParseUint(port, 10, 16)
	return err == nil && p >= least && !strings.ContainsAny(host, " /@?#%")
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	return loopbackHost(host)
}

func loopbackHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
