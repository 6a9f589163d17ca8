package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// admin speaks to Envoy's admin on its Unix socket.
type admin struct{ client *http.Client }

func newAdmin(socket string) admin {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return admin{&http.Client{
		// A connection kept alive would count among those to drain.
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true},
		Timeout:   5 * time.Second,
	}}
}

func (a admin) ask(ctx context.Context, method, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://envoy"+path, nil)
	if err != nil {
		return "", err
	}
	res, err := a.client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("asking Envoy's admin for %q: %s", path, res.Status)
	}
	return string(text), nil
}

func (a admin) live(ctx context.Context) bool {
	text, err := a.ask(ctx, "GET", "/ready")
	return err == nil && strings.HasPrefix(text, "LIVE")
}

// version is the second field of what Envoy calls its version:
// "<commit>/1.40.0/Clean/RELEASE/BoringSSL".
func (a admin) version(ctx context.Context) (string, error) {
	text, err := a.ask(ctx, "GET", "/server_info")
	if err != nil {
		return "", err
	}
	var info struct{ Version string }
	if err := json.Unmarshal([]byte(text), &info); err != nil {
		return "", fmt.Errorf("reading Envoy's version: %w", err)
	}
	fields := strings.Split(info.Version, "/")
	if len(fields) < 2 {
		return "", fmt.Errorf("reading Envoy's version: %q has no number", info.Version)
	}
	return fields[1], nil
}

// listening reads "name::host:port" lines; the bootstrap has one listener.
func (a admin) listening(ctx context.Context) (string, error) {
	text, err := a.ask(ctx, "GET", "/listeners")
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(text, "\n")
	_, address, ok := strings.Cut(line, "::")
	if !ok {
		return "", errors.New("asking Envoy where it listens: it has no listener")
	}
	return address, nil
}

func (a admin) drain(ctx context.Context) error {
	_, err := a.ask(ctx, "POST", "/drain_listeners")
	return err
}

// active counts the requests in flight, the admin's own left out.
func (a admin) active(ctx context.Context) (int, error) {
	text, err := a.ask(ctx, "GET", "/stats?filter=%5Ehttp%5C..*%5C.downstream_rq_active$")
	if err != nil {
		return 0, err
	}
	sum := 0
	for _, line := range strings.Split(text, "\n") {
		name, n, ok := strings.Cut(line, ": ")
		if !ok || strings.HasPrefix(name, "http.admin.") {
			continue
		}
		v, err := strconv.Atoi(strings.TrimSpace(n))
		if err != nil {
			return 0, fmt.Errorf("reading Envoy's statistic %q: %w", name, err)
		}
		sum += v
	}
	return sum, nil
}
