package integration

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

var mcpTools = []string{"end_lease", "extend_lease", "lease_status", "list_credentials", "request_lease"}

// TestMCPPython drives the tools by Python's client, in the protocol with a
// handshake and in the one without, and uses the ticket that it gets.
func TestMCPPython(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	for _, mode := range []string{"auto", "legacy"} {
		t.Run(mode, func(t *testing.T) {
			s := sdk{script: "mcp.py", env: []string{"TOKEN=" + m.token(agentClient), "MODE=" + mode}}
			got := s.run(t, m.gateway, m.ticket(agentClient, "demo"))
			if got.Answer != "you sent Bearer the ticket" {
				t.Errorf("by the ticket: %q", got.Answer)
			}
			if want := append(slices.Clone(mcpTools), "active", "active", "ended"); !slices.Equal(got.Stream, want) {
				t.Errorf("tools and states %q, want %q", got.Stream, want)
			}
			if got.Refused.Error != "not_granted" || got.Refused.Message == "" {
				t.Errorf("another group's credential: %+v", got.Refused)
			}
		})
	}
}

// bearing sends every request with a token.
type bearing string

func (b bearing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("x-cloakroom-token", string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// mcpOver connects Go's client to the gateway.
func (w *world) mcpOver(t *testing.T, transport mcp.Transport) *mcp.ClientSession {
	t.Helper()
	s, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), transport, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (w *world) mcpHTTP(token string) mcp.Transport {
	return &mcp.StreamableClientTransport{Endpoint: w.gateway + "/.well-known/cloakroom/mcp",
		HTTPClient: &http.Client{Transport: bearing(token)}, MaxRetries: -1}
}

// mcpProgram is `cloakroom mcp`; it reads the token from a file, where the hunt
// does not look.
func (w *world) mcpProgram(t *testing.T, file, token string) mcp.Transport {
	t.Helper()
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(filepath.Join(bin, "cloakroom"), "mcp", "--gateway", w.gateway, "--token-file", file)
	c.Dir, c.Env = w.dir, []string{"PATH=" + os.Getenv("PATH")}
	return &mcp.CommandTransport{Command: c}
}

// callTool calls a tool, and reads what it says into an answer.
func callTool(t *testing.T, s *mcp.ClientSession, tool string, arguments map[string]any, into any) (refused bool) {
	t.Helper()
	result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	text := result.Content[0].(*mcp.TextContent).Text
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%s: %v in %s", tool, err, text)
	}
	return result.IsError
}

// TestMCP drives the tools by Go's client, over HTTP and by a program that is
// started.
func TestMCP(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	token := m.token(agentClient)
	for name, transport := range map[string]mcp.Transport{"http": m.mcpHTTP(token), "program": m.mcpProgram(t, filepath.Join(t.TempDir(), "token"), token)} {
		t.Run(name, func(t *testing.T) {
			s := m.mcpOver(t, transport)
			if !strings.Contains(s.InitializeResult().Instructions, "Cloakroom") {
				t.Error("no instructions")
			}
			var names []string
			for tool, err := range s.Tools(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, tool.Name)
			}
			if !slices.Equal(names, mcpTools) {
				t.Errorf("tools %q, want %q", names, mcpTools)
			}
			m.leaseByMCP(t, s)
		})
	}
}

// leaseByMCP goes through the life of a lease.
func (m *masking) leaseByMCP(t *testing.T, s *mcp.ClientSession) {
	t.Helper()
	var offers struct {
		Credentials []struct{ Credential, Placeholder string }
	}
	if callTool(t, s, "list_credentials", nil, &offers); len(offers.Credentials) != 1 || offers.Credentials[0].Placeholder != m.placeholder {
		t.Errorf("offers %+v", offers)
	}
	var l, now, other lease
	if callTool(t, s, "request_lease", map[string]any{"credential": "demo", "reason": "a test"}, &l) || l.State != "active" {
		t.Fatalf("asked for a lease: %s %+v", l.State, l.Error)
	}
	canary(l.Ticket)
	use := func() int {
		answer, _ := m.get("/api/v1/x", "authorization", "Bearer "+l.Ticket)
		return answer.StatusCode
	}
	if status := use(); status != http.StatusOK {
		t.Errorf("by the ticket: status %d", status)
	}
	if callTool(t, s, "lease_status", map[string]any{"lease": l.Lease, "wait": 50}, &now) || now.State != "active" {
		t.Errorf("its status: %+v", now)
	}
	if !callTool(t, s, "extend_lease", map[string]any{"lease": l.Lease, "seconds": 60}, &other) {
		t.Errorf("extended beyond its tier: %+v", other)
	}
	if callTool(t, s, "end_lease", map[string]any{"lease": l.Lease}, &now) || now.State != "ended" {
		t.Errorf("handed back: %+v", now)
	}
	if status := use(); status != http.StatusForbidden {
		t.Errorf("by the ticket of a lease that was handed back: status %d", status)
	}
	if !callTool(t, s, "request_lease", map[string]any{"credential": "other", "reason": "a test"}, &other) || other.Error.Code != "not_granted" {
		t.Errorf("another group's credential: %+v", other)
	}
}

// TestMCPIdentity connects without a token, with none of ours, and with another
// agent's.
func TestMCPIdentity(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	for _, token := range []string{"", "nonsense"} {
		_, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), m.mcpHTTP(token), nil)
		if err == nil || !strings.Contains(err.Error(), "Unauthorized") {
			t.Errorf("with token %q: %v", token, err)
		}
	}
	var l, other lease
	callTool(t, m.mcpOver(t, m.mcpHTTP(m.token(agentClient))), "request_lease", map[string]any{"credential": "demo", "reason": "a test"}, &l)
	canary(l.Ticket)
	theirs := m.mcpOver(t, m.mcpHTTP(m.token(otherClient)))
	for _, tool := range []string{"lease_status", "end_lease"} {
		if !callTool(t, theirs, tool, map[string]any{"lease": l.Lease}, &other) || other.State != "" {
			t.Errorf("%s of another's lease: %+v", tool, other)
		}
	}
	stdout, stderr, code := command(t, m.dir, m.env, "mcp", "--gateway", m.gateway)
	if code != 2 || stdout != "" || !strings.Contains(stderr, "CLOAKROOM_TOKEN") {
		t.Errorf("the program without a token: exit %d: %s%s", code, stdout, stderr)
	}
	stdout, stderr, code = command(t, m.dir, append([]string{"CLOAKROOM_TOKEN=nonsense"}, m.env...), "mcp", "--gateway", m.gateway)
	if code != 1 || stdout != "" || !strings.Contains(stderr, "Unauthorized") {
		t.Errorf("the program with a bad token: exit %d: %s%s", code, stdout, stderr)
	}
}

// TestMCPProgramToken replaces the token of a program that runs, by one that is
// bad and by one that is good again.
func TestMCPProgramToken(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	token, file := m.token(agentClient), filepath.Join(t.TempDir(), "token")
	s := m.mcpOver(t, m.mcpProgram(t, file, token))
	for _, tt := range []struct{ token, want string }{{"nonsense", "Unauthorized"}, {token, m.placeholder}} {
		if err := os.WriteFile(file, []byte(tt.token), 0o600); err != nil {
			t.Fatal(err)
		}
		result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "list_credentials"})
		if err != nil {
			t.Fatal(err)
		}
		text := result.Content[0].(*mcp.TextContent).Text
		if !strings.Contains(text, tt.want) || result.IsError != (tt.token != token) {
			t.Errorf("error %v: %s; want %s", result.IsError, text, tt.want)
		}
	}
}

// TestMCPProgramEnds ends the program as clients do: they close its input, or
// send a signal.
func TestMCPProgramEnds(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	for name, end := range map[string]func(*exec.Cmd, io.Closer) error{
		"input":  func(_ *exec.Cmd, in io.Closer) error { return in.Close() },
		"signal": func(c *exec.Cmd, _ io.Closer) error { return c.Process.Signal(syscall.SIGTERM) },
	} {
		c := exec.Command(filepath.Join(bin, "cloakroom"), "mcp", "--gateway", m.gateway)
		c.Env = []string{"CLOAKROOM_TOKEN=" + m.token(agentClient)}
		var errs strings.Builder
		c.Stderr = &errs
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		io.WriteString(in, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`+"\n")
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || !strings.Contains(line, `"instructions"`) {
			t.Errorf("%s: said %q, %v", name, line, err)
		}
		if err := end(c, in); err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(); err != nil || errs.Len() > 0 {
			t.Errorf("%s: %v: %s", name, err, &errs)
		}
	}
}
