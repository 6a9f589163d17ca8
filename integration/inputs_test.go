package integration

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNotGranted sends placeholders that count and may not be used.
func TestNotGranted(t *testing.T) {
	t.Parallel()
	m := newWorldOf(t, `tiers: {low: {lease: 1s}}`)
	ended := m.ticket(agentClient, "demo")
	forged := m.placeholder[:len(m.placeholder)-1] + "0"
	if forged == m.placeholder {
		forged = m.placeholder[:len(m.placeholder)-1] + "1"
	}
	other := m.world.placeholder("other")
	token := m.token(agentClient)
	m.eventually("the ticket's lease ends", func() bool {
		answer, _ := m.get("/api/v1/x", "authorization", "Bearer "+ended)
		return answer.StatusCode != http.StatusOK
	})
	sent := m.b.count()
	for i, tt := range []struct{ name, method, path, placeholder, code, told string }{
		{"another group's", "GET", "/api/v1/x", other, "not_granted", other},
		{"forged", "GET", "/api/v1/x", forged, "unknown_placeholder", "ckr_demo_[unknown]"},
		{"of no credential", "GET", "/api/v1/x", strings.Replace(m.placeholder, "demo", "none", 1), "unknown_placeholder", "ckr_none_[unknown]"},
		{"ended", "GET", "/api/v1/x", ended, "lease_expired", "ckr_demo_[ticket]"},
		{"another method", "DELETE", "/api/v1/x", m.placeholder, "", m.placeholder},
		{"another path", "GET", "/api/v2/x", m.placeholder, "", m.placeholder},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequest(tt.method, m.gateway+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			session := fmt.Sprint("not-granted-", i)
			answer, body := m.do(r, "x-cloakroom-token", token, "x-cloakroom-session", session, "authorization", "Bearer "+tt.placeholder)
			d := m.session(t, session, 1, false)[0].Decision.Decision
			if answer.StatusCode != http.StatusForbidden || tt.code != "" && errorCode(body) != tt.code || errorCode(body) != d.Code || d.Outcome != "deny" {
				t.Errorf("status %d: %s; recorded %+v", answer.StatusCode, body, d)
			}
			if !strings.Contains(body, `"placeholder":"`+tt.told+`"`) || !strings.Contains(body, `"record":"`+d.Exchange+`"`) {
				t.Errorf("want placeholder %s and record %s in %s", tt.told, d.Exchange, body)
			}
			if len(d.Seen) != 1 || d.Seen[0].Location != "header:authorization" {
				t.Errorf("recorded: %+v", d.Seen)
			}
		})
	}
	if m.b.count() != sent {
		t.Error("a refused request reached the backend")
	}
}

// newWorldOf is echoing with lines of the configuration replaced: those that
// begin with the same word.
func newWorldOf(t *testing.T, lines ...string) *masking {
	t.Helper()
	m := &masking{key: value(), other: value()}
	m.b = backend(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "you sent "+r.Header.Get("authorization"))
	})
	config := twoCredentials
	for _, line := range lines {
		word, _, _ := strings.Cut(line, ":")
		config = "\n" + line + deleteLine(config, word+":")
	}
	m.world = newWorld(t, setup{Values: map[string]string{"DEMO_KEY": m.key, "OTHER_KEY": m.other}, Config: config,
		Upstreams: []string{`{host: api.test, prefix: /api, address: "` + m.b.address() + `"}`}})
	m.placeholder = m.world.placeholder("demo")
	m.agent = []string{"x-cloakroom-token", m.token(agentClient), "authorization", "Bearer " + m.placeholder}
	return m
}

func deleteLine(text, prefix string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, prefix) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// TestInertOrStrict sends placeholders where they do not count.
func TestInertOrStrict(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"inert", "strict"} {
		m := newWorldOf(t, "placeholders: "+mode)
		for place, headers := range map[string][]string{"header:x-foo": {"x-foo", m.placeholder}, "cookie:c": {"cookie", "a=b; c=" + m.placeholder}, "query:q": nil} {
			t.Run(mode+"/"+place, func(t *testing.T) {
				path, before := "/api/v1/x", m.b.count()
				if headers == nil {
					path += "?q=" + m.placeholder
				}
				session := mode + strings.ReplaceAll(place, ":", "-")
				answer, body := m.get(path, append(append([]string{"x-cloakroom-session", session}, m.agent...), headers...)...)
				d := m.session(t, session, 1, false)[0].Decision.Decision
				if mode == "strict" {
					if answer.StatusCode != http.StatusForbidden || d.Outcome != "deny" || m.b.count() != before {
						t.Errorf("status %d: %s; recorded %+v", answer.StatusCode, body, d)
					}
					return
				}
				if answer.StatusCode != http.StatusOK || body != "you sent Bearer "+m.placeholder || len(d.Seen) != 1 ||
					d.Seen[0].Location != place || d.Seen[0].Placeholder != m.placeholder {
					t.Errorf("status %d: %s; recorded %+v", answer.StatusCode, body, d.Seen)
				}
				got := m.b.last()
				if !strings.Contains(fmt.Sprint(got.URL, got.Header["X-Foo"], got.Header["Cookie"]), m.placeholder) {
					t.Error("the text did not reach the backend")
				}
			})
		}
	}
}

// TestTooMuch sends more than anybody needs; the service stays well and small.
func TestTooMuch(t *testing.T) {
	t.Parallel()
	m := newWorldOf(t)
	pid := m.up.cmd.Process.Pid
	many := strings.Repeat(m.placeholder+",", 1300) // under Envoy's own limit of 60 KiB
	for name, headers := range map[string][]string{
		"1300 placeholders":   {"x-many", many},
		"10 000 placeholders": {"x-many", strings.Repeat(m.placeholder+",", 10_000)},
		"1 MiB of headers":    {"x-big", strings.Repeat("x", 1<<20)},
		"a token of 50 KiB":   {"proxy-authorization", "Bearer " + strings.Repeat("x", 50<<10)},
		"200 tickets":         {"x-api-key", strings.Repeat(strings.Replace(m.placeholder, "_", "_", 1)[:len(m.placeholder)-4]+"0000 ", 200)},
	} {
		t.Run(name, func(t *testing.T) {
			before := m.b.count()
			r, err := http.NewRequest(http.MethodGet, m.gateway+"/api/v1/x", nil)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(headers); i += 2 {
				r.Header.Set(headers[i], headers[i+1])
			}
			for i := 0; i < len(m.agent); i += 2 {
				r.Header.Add(m.agent[i], m.agent[i+1])
			}
			answer, err := m.client.Do(r)
			if err == nil { // else Envoy closed the connection
				answer.Body.Close()
				if answer.StatusCode < 400 || answer.StatusCode >= 500 {
					t.Errorf("status %d", answer.StatusCode)
				}
			}
			if m.b.count() != before {
				t.Error("the request reached the backend")
			}
		})
	}
	endlessHead(t, m)
	if answer, body := m.get("/api/v1/x", m.agent...); answer.StatusCode != http.StatusOK {
		t.Errorf("afterwards: status %d: %s", answer.StatusCode, body)
	}
	if used := memory(t, pid); used > 200<<20 {
		t.Errorf("the service holds %d MiB", used>>20)
	}
}

// endlessHead sends header lines until somebody has had enough of them.
func endlessHead(t *testing.T, m *masking) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(m.gateway, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sent := 0
	for i := 0; err == nil && sent < 64<<20; i++ {
		var n int
		n, err = fmt.Fprintf(conn, map[bool]string{true: "GET /api/v1/x HTTP/1.1\r\n", false: "x-%d: " + m.placeholder + "\r\n"}[i == 0], i)
		sent += n
	}
	if err == nil {
		t.Errorf("endless headers: %d MiB were taken", sent>>20)
	}
}

// TestFailingSource takes one credential's value away while the service runs.
func TestFailingSource(t *testing.T) {
	t.Parallel()
	key, lasting := value(), value()
	dir := t.TempDir()
	file := filepath.Join(dir, "key")
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "you sent "+r.Header.Get("authorization")+", and this was "+key)
	})
	config := strings.Replace(twoCredentials, "{env: DEMO_KEY}", "{file: "+file+"}", 1)
	config = strings.Replace(config, "[finance]", "[ai-agents]", 1)
	keep(t, file, key)
	w := newWorld(t, setup{Values: map[string]string{"OTHER_KEY": lasting}, Config: config,
		Upstreams: []string{`{host: api.test, prefix: /api, address: "` + b.address() + `"}`}})
	token, demo, other := w.token(agentClient), w.placeholder("demo"), w.placeholder("other")
	ask := func(placeholder string) (int, string) {
		answer, body := w.get("/api/v1/x", "x-cloakroom-token", token, "x-cloakroom-session", "s", "authorization", "Bearer "+placeholder)
		return answer.StatusCode, body
	}
	if status, body := ask(demo); status != http.StatusOK || !strings.HasPrefix(body, "you sent Bearer "+demo) {
		t.Fatalf("at first: %d: %s", status, body)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	var body string
	w.eventually("a value that is gone is refused", func() bool {
		var status int
		status, body = ask(demo)
		return status == http.StatusForbidden
	})
	before := b.count()
	if errorCode(body) != "unavailable" || strings.Contains(body, dir) {
		t.Errorf("refused with %s", body)
	}
	if status, body := ask(other); status != http.StatusOK || body != "you sent Bearer "+other+", and this was [masked]" {
		t.Errorf("another credential: %d: %s", status, body)
	}
	if n := w.metrics(t)[`cloakroom_value_failures_total{credential="demo"}`]; n < 1 {
		t.Errorf("the metric of failures: %v", n)
	}
	ask(demo)
	if b.count() != before+1 {
		t.Error("a request whose value is gone reached the backend")
	}
	key = value()
	keep(t, file, key)
	w.eventually("a new value is good", func() bool { status, _ := ask(demo); return status == http.StatusOK })
	if got := b.last().Header.Get("authorization"); got != "Bearer "+key {
		t.Error("the backend did not get the new value")
	}
}

// keep writes a value's file, which the hunt passes over.
func keep(t *testing.T, file, value string) {
	t.Helper()
	canary(value)
	exempt(file)
	if err := os.WriteFile(file, []byte(value+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}
