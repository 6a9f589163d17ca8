//go:build docker

package docker

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	tcexec "github.com/testcontainers/testcontainers-go/exec"
)

func read(r io.Reader) string {
	b, err := io.ReadAll(r)
	if err != nil {
		return string(b) + "\n" + err.Error()
	}
	return string(b)
}

// exec runs a command in a service's container.
func (s *stack) exec(t *testing.T, service string, command ...string) (output string, code int) {
	t.Helper()
	code, r, err := s.containers[service].Exec(t.Context(), command, tcexec.Multiplexed())
	if err != nil {
		t.Errorf("running %v in %s: %v", command, service, err)
		return "", -1
	}
	return read(r), code
}

// curl sends a request from where the agent runs, with its token.
func (s *stack) curl(t *testing.T, arguments ...string) (output string, code int) {
	t.Helper()
	token, code := s.exec(t, "agent", "cat", "/run/agent/token")
	if code != 0 {
		t.Errorf("the agent has no token: %s", token)
	}
	return s.exec(t, "agent", append([]string{"curl", "--silent", "--show-error", "--include", "--max-time", "20",
		"--header", "x-cloakroom-token: " + strings.TrimSpace(token)}, arguments...)...)
}

// placeholder is what an operator hands to the agent.
func (s *stack) placeholder(t *testing.T, credential string) string {
	t.Helper()
	text, code := s.exec(t, "cloakroom-1", "cloakroom", "credential", "ls", "--json")
	var all []struct{ Name, Placeholder string }
	if err := json.Unmarshal([]byte(text), &all); code != 0 || err != nil {
		t.Fatalf("credential ls: %d %v: %s", code, err, text)
	}
	i := slices.IndexFunc(all, func(c struct{ Name, Placeholder string }) bool { return c.Name == credential })
	if i < 0 {
		t.Fatalf("credential ls has no %s: %s", credential, text)
	}
	return all[i].Placeholder
}

// inspect is what the engine tells of a service's container.
func (s *stack) inspect(t *testing.T, service string) *container.InspectResponse {
	t.Helper()
	c, err := s.containers[service].Inspect(t.Context())
	if err != nil {
		t.Fatalf("inspecting %s: %v", service, err)
	}
	return c
}
