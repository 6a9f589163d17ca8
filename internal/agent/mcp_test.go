package agent

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// withToken sends every request with a token and a session.
type withToken string

func (t withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("x-cloakroom-token", string(t))
	r.Header.Set("x-cloakroom-session", "s1")
	return http.DefaultTransport.RoundTrip(r)
}

// connect connects the SDK's client to a server of the handler's.
func connect(t *testing.T, d *decider, token string) (*mcp.ClientSession, error) {
	t.Helper()
	server := httptest.NewServer(handler(t, d))
	t.Cleanup(server.Close)
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	s, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: server.URL + mcpPath,
		HTTPClient: &http.Client{Transport: withToken(token)}, MaxRetries: -1}, nil)
	if err == nil {
		t.Cleanup(func() { s.Close() })
	}
	return s, err
}

// TestTools pins what a model reads of the tools.
func TestTools(t *testing.T) {
	s, err := connect(t, &decider{}, "a")
	if err != nil {
		t.Fatal(err)
	}
	if s.InitializeResult().Instructions != Instructions {
		t.Error("the instructions are not told")
	}
	all, err := s.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(all.Tools, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/tools.json", got)
}

func TestCalls(t *testing.T) {
	type arguments = map[string]any
	tests := []struct {
		name, tool, token string
		arguments         arguments
		refused           bool
		want              string
	}{
		{"what may I use", "list_credentials", "a", nil, false, `"placeholder":"ckr_github_x"`},
		{"a ticket", "request_lease", "a", arguments{"credential": "github", "reason": "why"}, false, `"ticket":"ckr_github_ticket"`},
		{"a ticket that people must approve", "request_lease", "a", arguments{"credential": "prod", "reason": "why", "wait": 30}, false, `"state":"pending"`},
		{"status", "lease_status", "a", arguments{"lease": anID, "wait": 90}, false, `"approval_url":"https://desk`},
		{"longer", "extend_lease", "a", arguments{"lease": anID, "seconds": 60}, false, `"state":"active"`},
		{"back", "end_lease", "a", arguments{"lease": anID}, false, `"state":"ended"`},

		{"another's credential", "request_lease", "a", arguments{"credential": "aws", "reason": "why"}, true, `"code":"not_granted"`},
		{"cooling down", "request_lease", "a", arguments{"credential": "cooling", "reason": "why"}, true, `"retry_after":90`},
		{"no reason", "request_lease", "a", arguments{"credential": "github"}, true, "reason"},
		{"an unknown argument", "request_lease", "a", arguments{"credential": "github", "reason": "why", "length": 1}, true, "length"},
		{"a bad operation", "request_lease", "a", arguments{"credential": "github", "reason": "why", "operation": arguments{"method": "GET", "host": "x", "path": "/", "body_sha256": "y"}}, true, "operation.body_sha256"},
		{"another's status", "lease_status", "b", arguments{"lease": anID}, true, "no such lease"},
		{"no id", "lease_status", "a", arguments{"lease": "../x"}, true, "want an id"},
		{"longer by ages", "extend_lease", "a", arguments{"lease": anID, "seconds": 1 << 50}, true, "want 1 to"},
		{"another's, back", "end_lease", "b", arguments{"lease": anID}, true, "no such lease"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := &decider{}
			s, err := connect(t, d, tt.token)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tt.tool, Arguments: tt.arguments})
			if err != nil {
				t.Fatal(err)
			}
			text := got.Content[0].(*mcp.TextContent).Text
			if got.IsError != tt.refused || !strings.Contains(text, tt.want) {
				t.Errorf("error %v: %s; want %v with %s", got.IsError, text, tt.refused, tt.want)
			}
			if len(d.asked) > 0 && (d.asked[0].Principal.Subject != "a" || d.asked[0].Session != "s1") {
				t.Errorf("asked %+v", d.asked)
			}
			if d.waited > MaxWait || d.hurried {
				t.Errorf("held for %s, hurried: %v", d.waited, d.hurried)
			}
		})
	}
}

// TestSameAsHTTP compares what a tool's result says with what HTTP answers.
func TestSameAsHTTP(t *testing.T) {
	for _, tt := range []struct {
		tool, arguments, method, target string
	}{
		{"list_credentials", `{}`, "GET", Path},
		{"request_lease", `{"credential":"github","reason":"why"}`, "POST", leasesPath},
		{"request_lease", `{"credential":"cooling","reason":"why"}`, "POST", leasesPath},
		{"lease_status", `{"lease":"` + anID + `"}`, "GET", leasesPath + "/" + anID},
		{"end_lease", `{"lease":"nobodys"}`, "DELETE", leasesPath + "/nobodys"},
	} {
		s, err := connect(t, &decider{}, "a")
		if err != nil {
			t.Fatal(err)
		}
		result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tt.tool, Arguments: json.RawMessage(tt.arguments)})
		if err != nil {
			t.Fatal(err)
		}
		structured, err := json.Marshal(result.StructuredContent)
		if err != nil {
			t.Fatal(err)
		}
		body := ask(t, &decider{}, tt.method, tt.target, "a", tt.arguments).Body.String()
		text := result.Content[0].(*mcp.TextContent).Text
		for name, got := range map[string]string{"structured": string(structured), "text": text} {
			if sorted(t, got) != sorted(t, body) {
				t.Errorf("%s, %s: got %s\nHTTP answers %s", tt.tool, name, got, body)
			}
		}
	}
}

// sorted is a JSON document with its members in order.
func sorted(t *testing.T, document string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(document), &v); err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestMCPNeedsIdentity connects as nobody, and with a token that has ended.
func TestMCPNeedsIdentity(t *testing.T) {
	if _, err := connect(t, &decider{}, "bad"); err == nil || !strings.Contains(err.Error(), "Unauthorized") {
		t.Errorf("with a bad token: %v", err)
	}
	q := asTool(questions{&decider{}}.end)
	if _, _, err := q(context.Background(), nil, endQuestion{anID}); err == nil {
		t.Error("a tool answered nobody")
	}
}

// TestMCPMethods asks for what only a server with sessions has.
func TestMCPMethods(t *testing.T) {
	for _, method := range []string{"GET", "DELETE", "PUT"} {
		if w := ask(t, &decider{}, method, mcpPath, "a", "", "accept", "text/event-stream", "mcp-session-id", "x"); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: status %d: %s", method, w.Code, w.Body)
		}
	}
	const listen = `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},
		"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
	w := ask(t, &decider{}, "POST", mcpPath, "a", listen, "accept", "application/json, text/event-stream", "content-type", "application/json",
		"mcp-protocol-version", "2026-07-28", "mcp-method", "subscriptions/listen") // it returns
	if !strings.Contains(w.Body.String(), `"resultType":"complete"`) {
		t.Errorf("listening: status %d: %s", w.Code, w.Body)
	}
	for _, target := range []string{mcpPath + "/", mcpPath + "?x=y"} {
		if w := ask(t, &decider{}, "POST", target, "a", "{}"); w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d: %s", target, w.Code, w.Body)
		}
	}
}

// TestWhoHangsUpIsNotHeld hangs up while a status is held, over HTTP and MCP.
func TestWhoHangsUpIsNotHeld(t *testing.T) {
	h := &holding{while: time.Minute, gone: make(chan bool, 1)}
	server := httptest.NewServer(handler(t, h))
	defer server.Close()
	for _, r := range []*http.Request{
		mustRequest(t, "GET", server.URL+leasesPath+"/"+anID+"?wait=60", ""),
		mustRequest(t, "POST", server.URL+mcpPath, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"lease_status","arguments":{"lease":"`+anID+`","wait":60}}}`),
	} {
		ctx, hangUp := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if answer, err := http.DefaultClient.Do(r.WithContext(ctx)); err == nil {
			t.Errorf("%s: answered %d", r.URL.Path, answer.StatusCode)
		}
		hangUp()
		if !<-h.gone {
			t.Errorf("%s: held to the end", r.URL.Path)
		}
	}
}

func mustRequest(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-cloakroom-token", "a")
	r.Header.Set("content-type", "application/json")
	r.Header.Set("accept", "application/json, text/event-stream")
	return r
}
