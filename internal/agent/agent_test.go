package agent

import (
	"encoding/json"
	"flag"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestAnswers(t *testing.T) {
	good := `{"credential":"github","reason":"why"}`
	tests := []struct {
		name, method, target, token, body string
		status                            int
		want                              string
	}{
		{"what may I use", "GET", Path, "a", "", 200, `"principal":"https://i#a"`},
		{"a ticket", "POST", leasesPath, "a", good, 201, `{"ticket":"ckr_github_ticket","lease":"` + anID + `"`},
		{"a ticket without a reason", "POST", leasesPath, "a", `{"credential":"github"}`, 201, `"ends":"2027-01-15T08:00:00Z"`},
		{"a ticket that people must approve", "POST", leasesPath, "a", `{"credential":"prod","wait":1}`, 202, `"approval_url":"https://desk`},
		{"another's credential", "POST", leasesPath, "a", `{"credential":"aws"}`, 403, `"code":"not_granted"`},
		{"cooling down", "POST", leasesPath, "a", `{"credential":"cooling"}`, 403, `"retry_after":90`},

		{"no token", "GET", Path, "", "", 401, `"code":"unauthenticated"`},
		{"a bad token", "POST", leasesPath, "bad", good, 401, "the token has expired"},
		{"no token, an odd path", "GET", Path + "/x", "", "", 401, `"code":"unauthenticated"`},
		{"no token, a lease", "DELETE", leasesPath + "/" + anID, "", "", 401, `"code":"unauthenticated"`},
		{"no token, MCP", "POST", mcpPath, "", "{}", 401, `"code":"unauthenticated"`},

		{"an unknown field", "POST", leasesPath, "a", `{"credential":"github","length":"1h"}`, 403, "want a body"},
		{"an unknown field within", "POST", leasesPath, "a", `{"credential":"github","operation":{"scheme":"http"}}`, 403, "want a body"},
		{"no body", "POST", leasesPath, "a", "", 403, "want a body"},
		{"no JSON", "POST", leasesPath, "a", "credential=github", 403, "want a body"},
		{"two documents", "POST", leasesPath, "a", good + good, 403, "want a body"},
		{"a stray bracket behind", "POST", leasesPath, "a", good + "}", 403, "want a body"},
		{"a line's end behind", "POST", leasesPath, "a", good + "\n", 201, "ticket"},
		{"a long body", "POST", leasesPath, "a", `{"reason":"` + strings.Repeat("x", maxBody) + `","credential":"github"}`, 403, "too_large"},
		{"a long tail", "POST", leasesPath, "a", good + strings.Repeat(" ", maxBody), 403, "too_large"},
		{"a long body to nowhere", "GET", Path + "/x", "a", strings.Repeat(" ", maxBody+1), 403, "too_large"},
		{"a wait in words", "POST", leasesPath, "a", `{"credential":"github","wait":"30s"}`, 403, "want a body"},
		{"a wait that is less than none", "POST", leasesPath, "a", `{"credential":"github","wait":-1}`, 403, "wait: want"},
		{"a wait beyond all", "POST", leasesPath, "a", `{"credential":"github","wait":99999999999999999999}`, 403, "want a body"},
		{"half an operation", "POST", leasesPath, "a", `{"credential":"github","operation":{"method":"GET"}}`, 403, "operation: want"},

		{"another method", "POST", Path, "a", "", 404, `"error"`},
		{"HEAD", "HEAD", Path, "a", "", 404, `"error"`},
		{"GET of leases", "GET", leasesPath, "a", "", 404, `"error"`},
		{"a slash behind", "GET", Path + "/", "a", "", 404, `"error"`},
		{"a query", "GET", Path + "?a=b", "a", "", 404, `"error"`},
		{"a query of leases", "POST", leasesPath + "?wait=1", "a", good, 404, `"error"`},
		{"dots", "POST", Path + "/../cloakroom/leases", "a", good, 404, `"error"`},
		{"two slashes", "POST", Path + "//leases", "a", good, 404, `"error"`},
		{"encoded", "POST", Path + "%2Fleases", "a", good, 404, `"error"`},
		{"another path", "GET", "/", "a", "", 404, `"error"`},
		{"absolute form", "GET", "http://x" + Path, "a", "", 404, `"error"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := &decider{}
			w := ask(t, d, tt.method, tt.target, tt.token, tt.body)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("got %d %s, want %d with %s", w.Code, w.Body, tt.status, tt.want)
			}
			if !json.Valid(w.Body.Bytes()) || w.Header().Get("content-type") != "application/json" || w.Header().Get("cache-control") != "no-store" {
				t.Errorf("got %v %s", w.Header(), w.Body)
			}
			if (w.Code == 401) != (w.Header().Get("www-authenticate") != "") || (w.Code == 401) != (d.nobody == 1) {
				t.Errorf("www-authenticate %q, counted %d as nobody, with %d", w.Header().Get("www-authenticate"), d.nobody, w.Code)
			}
			if strings.Contains(tt.want, "retry_after") != (w.Header().Get("retry-after") == "90") {
				t.Errorf("retry-after %q", w.Header().Get("retry-after"))
			}
			reaches := tt.status == 201 || tt.status == 202 || strings.Contains(tt.want, "not_granted") || strings.Contains(tt.want, "retry_after")
			if (len(d.asked) > 0) != reaches {
				t.Errorf("asked %v", d.asked)
			}
		})
	}
}

// TestOneLease asks about leases that are there.
func TestOneLease(t *testing.T) {
	own := leasesPath + "/" + anID
	tests := []struct {
		name, method, target, token, body string
		status                            int
		want, asked                       string
		waited                            time.Duration
	}{
		{"its status", "GET", own, "a", "", 200, `"state":"pending"`, "status " + anID, 0},
		{"its status, held", "GET", own + "?wait=30s", "a", "", 200, `"approval_url"`, "status " + anID, 30 * time.Second},
		{"held, without a unit", "GET", own + "?wait=5", "a", "", 200, `"lease"`, "status " + anID, 5 * time.Second},
		{"held for too long", "GET", own + "?wait=2000000000s", "a", "", 200, `"lease"`, "status " + anID, MaxWait},
		{"longer", "POST", own + "/extend", "a", `{"seconds":60}`, 200, `"state":"active"`, "extend " + anID + " 1m0s", 0},
		{"back", "DELETE", own, "a", "", 200, `"state":"ended"`, "end " + anID, 0},

		{"another's status", "GET", own, "b", "", 403, "no such lease", "status " + anID, 0},
		{"another's, longer", "POST", own + "/extend", "b", `{"seconds":60}`, 403, "no such lease", "extend " + anID + " 1m0s", 0},
		{"another's, back", "DELETE", own, "b", "", 403, "no such lease", "end " + anID, 0},

		{"another query", "GET", own + "?weight=1", "a", "", 403, "?wait=30s", "", 0},
		{"an empty query", "GET", own + "?", "a", "", 403, "?wait=30s", "", 0},
		{"two waits", "GET", own + "?wait=1&wait=2", "a", "", 403, "?wait=30s", "", 0},
		{"a wait and more", "GET", own + "?wait=1&x=2", "a", "", 403, "?wait=30s", "", 0},
		{"a wait of minutes", "GET", own + "?wait=1m", "a", "", 403, "?wait=30s", "", 0},
		{"a wait below none", "GET", own + "?wait=-1", "a", "", 403, "?wait=30s", "", 0},
		{"a wait beyond all", "GET", own + "?wait=99999999999", "a", "", 403, "?wait=30s", "", 0},
		{"longer by nothing", "POST", own + "/extend", "a", `{}`, 403, "want 1 to", "", 0},
		{"longer by null", "POST", own + "/extend", "a", `{"seconds":null}`, 403, "want 1 to", "", 0},
		{"longer by less", "POST", own + "/extend", "a", `{"seconds":-60}`, 403, "want 1 to", "", 0},
		{"longer by ages", "POST", own + "/extend", "a", `{"seconds":9223372036854775807}`, 403, "want 1 to", "", 0},
		{"longer, another's by the body", "POST", own + "/extend", "a", `{"seconds":60,"lease":"x"}`, 403, "want a body", "", 0},
		{"longer without a body", "POST", own + "/extend", "a", ``, 403, "want a body", "", 0},
		{"no id", "GET", leasesPath + "/", "a", "", 403, "want an id", "", 0},
		{"no id, longer", "POST", leasesPath + "//extend", "a", `{"seconds":60}`, 403, "want an id", "", 0},
		{"dots", "GET", leasesPath + "/..", "a", "", 403, "want an id", "", 0},
		{"encoded", "DELETE", leasesPath + "/%2e", "a", "", 403, "want an id", "", 0},
		{"a slash behind", "GET", own + "/", "a", "", 403, "want an id", "", 0},
		{"a long id", "DELETE", leasesPath + "/" + strings.Repeat("a", 65), "a", "", 403, "want an id", "", 0},

		{"GET of extend", "GET", own + "/extend", "a", "", 404, `"error"`, "", 0},
		{"extend with a query", "POST", own + "/extend?seconds=60", "a", `{"seconds":60}`, 404, `"error"`, "", 0},
		{"POST", "POST", own, "a", `{"seconds":60}`, 404, `"error"`, "", 0},
		{"PUT", "PUT", own, "a", "", 404, `"error"`, "", 0},
		{"HEAD", "HEAD", own, "a", "", 404, `"error"`, "", 0},
		{"DELETE with a query", "DELETE", own + "?wait=1", "a", "", 404, `"error"`, "", 0},
		{"DELETE of all", "DELETE", leasesPath, "a", "", 404, `"error"`, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := &decider{}
			w := ask(t, d, tt.method, tt.target, tt.token, tt.body)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) || !json.Valid(w.Body.Bytes()) {
				t.Errorf("got %d %s, want %d with %s", w.Code, w.Body, tt.status, tt.want)
			}
			if got := strings.Join(d.leases, ", "); got != tt.asked || d.waited != tt.waited || d.hurried {
				t.Errorf("asked %q, held for %s, hurried: %v; want %q, %s", got, d.waited, d.hurried, tt.asked, tt.waited)
			}
		})
	}
}

func TestWhatIsAskedFor(t *testing.T) {
	d := &decider{}
	ask(t, d, "POST", leasesPath, "a", `{"credential":"github","reason":"why","wait":3600,"operation":{"method":"get","host":"API.github.com","path":"/x?y=z"}}`)
	q := d.asked[0]
	if q.Principal.Subject != "a" || q.Reason != "why" || q.Session != "s1" || q.Wait != MaxWait ||
		q.Operation.Method != "GET" || q.Operation.Host != "api.github.com" || q.Operation.Path != "/x?y=z" {
		t.Errorf("got %+v", q)
	}
}

// TestDiscovery pins the whole of what an agent is told first.
func TestDiscovery(t *testing.T) {
	golden(t, "testdata/discovery.json", ask(t, &decider{}, "GET", Path, "a", "").Body.Bytes())
}

// golden compares got with a file.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("it differs from %s; see what changed with -update and git diff", path)
	}
}

// TestOrigin sends what a browser sends for a page.
func TestOrigin(t *testing.T) {
	for _, tt := range []struct {
		name, header, value string
		status              int
	}{
		{"another site's", "sec-fetch-site", "cross-site", 403},
		{"another origin's, without the fetch's headers", "origin", "https://evil.test", 403},
		{"its own", "sec-fetch-site", "same-origin", 201},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &decider{}
			w := ask(t, d, "POST", leasesPath, "a", `{"credential":"github"}`, tt.header, tt.value)
			if w.Code != tt.status || (len(d.asked) == 1) != (tt.status == 201) {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
		})
	}
}

// TestNoRedirect asks over a real connection, where net/http cleans nothing.
func TestNoRedirect(t *testing.T) {
	server := httptest.NewServer(handler(t, &decider{}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET "+Path+"/../../x HTTP/1.1\r\nHost: x\r\nx-cloakroom-token: a\r\nconnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 12)
	if _, err := io.ReadFull(conn, b); err != nil || string(b) != "HTTP/1.1 404" {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestNewNeedsAll(t *testing.T) {
	count := func(access.Code) {}
	if _, err := New(nil, &decider{}, count); err == nil {
		t.Error("made without identity")
	}
	if _, err := New(identify, nil, count); err == nil {
		t.Error("made without a decider")
	}
	if _, err := New(identify, &decider{}, nil); err == nil {
		t.Error("made without a counter")
	}
}
