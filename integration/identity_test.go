package integration

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// unauthenticated sends a request that must be refused with 401 and reach
// nobody.
func (m *masking) unauthenticated(t *testing.T, path string, headers ...string) {
	t.Helper()
	before := m.b.count()
	answer, body := m.get(path, headers...)
	if answer.StatusCode != http.StatusUnauthorized || errorCode(body) != "unauthenticated" || answer.Header.Get("www-authenticate") == "" {
		t.Errorf("status %d, www-authenticate %q: %s", answer.StatusCode, answer.Header.Get("www-authenticate"), body)
	}
	if m.b.count() != before {
		t.Error("the request reached the backend")
	}
}

// forge changes a token's head and claims, and signs it anew if there is a key.
func forge(t *testing.T, token string, head map[string]any, claims map[string]any, key []byte) string {
	t.Helper()
	parts := strings.Split(token, ".")
	for i, change := range []map[string]any{head, claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]any
		if err := json.Unmarshal(b, &all); err != nil {
			t.Fatal(err)
		}
		for k, v := range change {
			all[k] = v
		}
		parts[i] = base64.RawURLEncoding.EncodeToString([]byte(encode(t, all)))
	}
	if key != nil {
		mac := hmac.New(sha256.New, key)
		io.WriteString(mac, parts[0]+"."+parts[1])
		parts[2] = base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	} else if head["alg"] == "none" {
		parts[2] = ""
	}
	return strings.Join(parts, ".")
}

// TestNobody sends what proves no identity; what is refused is counted in the
// log.
func TestNobody(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	good, other := m.token(agentClient), m.token(otherClient)
	foreign := newWorld(t, setup{NoStart: true, Config: oneCredential})
	ticket, basic := m.ticket(otherClient, "demo"), base64.StdEncoding.EncodeToString
	rows := map[string][]string{
		"nothing":                    nil,
		"no token":                   {"x-cloakroom-token", ""},
		"not a token":                {"x-cloakroom-token", "abc"},
		"a foreign issuer's":         {"x-cloakroom-token", foreign.token(agentClient)},
		"a foreign issuer's, shared": {"authorization", "Bearer " + foreign.token(agentClient)},
		"changed claims":             {"x-cloakroom-token", forge(t, good, nil, map[string]any{"sub": "other"}, nil)},
		"alg none":                   {"x-cloakroom-token", forge(t, good, map[string]any{"alg": "none"}, nil, nil)},
		"alg HS256":                  {"x-cloakroom-token", forge(t, good, map[string]any{"alg": "HS256"}, nil, []byte("a key"))},
		"another audience":           {"x-cloakroom-token", forge(t, good, nil, map[string]any{"aud": "x"}, nil)},
		"two tokens":                 {"x-cloakroom-token", good, "proxy-authorization", "Bearer " + other},
		"two lines":                  {"x-cloakroom-token", good, "x-cloakroom-token", other},
		"a token and a ticket":       {"x-cloakroom-token", good, "authorization", "Bearer " + ticket},
		"in another header":          {"x-cloakroom-token", good, "x-foo", good},
		"in another, encoded":        {"x-cloakroom-token", good, "x-foo", basic([]byte(good))},
		"in a cookie":                {"x-cloakroom-token", good, "cookie", "a=b; c=" + good},
		"as Basic":                   {"x-cloakroom-token", good, "authorization", "Basic " + basic([]byte("x:"+good))},
	}
	for name, headers := range rows {
		t.Run(name, func(t *testing.T) {
			m.unauthenticated(t, "/api/v1/x", append([]string{"x-api-key", m.placeholder}, headers...)...)
		})
	}
	for _, query := range []string{good, url.QueryEscape(strings.ReplaceAll(good, ".", "%2E"))} {
		m.unauthenticated(t, "/api/v1/x?token="+query, "x-cloakroom-token", good)
	}
	m.eventually("the refusals are counted in the log", func() bool {
		return m.refusals(t)["unauthenticated"] >= len(rows)+2-1 // one has an identity: its ticket is another's
	})
}

// refusals sums up what the log counted of callers without an identity.
func (w *world) refusals(t *testing.T) map[string]int {
	t.Helper()
	sum := make(map[string]int)
	files, err := filepath.Glob(filepath.Join(w.dir, "record", "*.log"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no log: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var e struct {
				Refusals struct {
					Counts []struct {
						Code, Source string
						N            int
					}
				}
			}
			if json.Unmarshal([]byte(line), &e) != nil {
				continue // not whole yet
			}
			for _, c := range e.Refusals.Counts {
				sum[c.Code] += c.N
			}
		}
	}
	return sum
}

// TestTokensStay crosses the places of token and placeholder: the token goes
// nowhere.
func TestTokensStay(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	token, ticket := m.token(agentClient), m.ticket(agentClient, "demo")
	for name, headers := range map[string][]string{
		"own header":               {"x-cloakroom-token", token, "authorization", "Bearer " + m.placeholder},
		"proxy-authorization":      {"proxy-authorization", "Bearer " + token, "authorization", "token " + m.placeholder},
		"authorization":            {"authorization", "Bearer " + token, "x-api-key", m.placeholder},
		"everywhere":               {"authorization", "Bearer " + token, "proxy-authorization", "Bearer " + token, "x-cloakroom-token", token, "x-api-key", m.placeholder},
		"beside its own ticket":    {"x-cloakroom-token", token, "authorization", "Bearer " + ticket},
		"a ticket alone":           {"authorization", "Bearer " + ticket},
		"a ticket as Basic":        {"authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+ticket))},
		"authorization and ticket": {"authorization", "Bearer " + token, "x-api-key", ticket},
	} {
		t.Run(name, func(t *testing.T) {
			if answer, body := m.get("/api/v1/x", headers...); answer.StatusCode != http.StatusOK {
				t.Fatalf("status %d: %s", answer.StatusCode, body)
			}
			got := m.b.last()
			dump := fmt.Sprint(got.RequestURI, got.Header)
			if found := newHunter([]string{token, ticket}).find([]byte(dump)); len(found) > 0 {
				t.Errorf("a token or a ticket reached the backend: %v", found)
			}
			if _, password, basic := got.BasicAuth(); basic && password != m.key {
				t.Error("the value is not the password")
			} else if !basic && !strings.Contains(dump, m.key) {
				t.Error("the value did not reach the backend")
			}
		})
	}
}

// TestTokenTime looks at both sides of the 30 s of skew.
func TestTokenTime(t *testing.T) {
	t.Parallel()
	for ttl, status := range map[time.Duration]int{-10 * time.Second: 200, -60 * time.Second: 401} {
		b := backend(t, func(http.ResponseWriter, *http.Request) {})
		w := newWorld(t, setup{Values: map[string]string{"DEMO_KEY": value()}, Config: oneCredential, TokenTTL: ttl,
			Upstreams: []string{`{host: api.test, prefix: /api, address: "` + b.address() + `"}`}})
		answer, body := w.get("/api/v1/x", "x-cloakroom-token", w.token(agentClient), "authorization", "Bearer "+w.placeholder("demo"))
		if answer.StatusCode != status || status == 401 && b.count() > 0 {
			t.Errorf("ended %v ago: status %d, want %d: %s", -ttl, answer.StatusCode, status, body)
		}
	}
}

// TestIssuers starts with an issuer that is down and one that never answers:
// the good one's callers do not feel it, and the first works once it is up.
// Then the keys are changed.
func TestIssuers(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	b := backend(t, func(http.ResponseWriter, *http.Request) {})
	w := newWorld(t, setup{Values: map[string]string{"DEMO_KEY": value()}, Config: oneCredential, NoStart: true,
		Upstreams: []string{`{host: api.test, prefix: /api, address: "` + b.address() + `"}`}})
	slow := "http://" + silent.Addr().String()
	w.rewrite("  issuers:\n", "  issuers:\n    - issuer: "+slow+"\n      audiences: [cloakroom]\n")
	old := w.token(agentClient)
	w.idp.stop(t)
	w.start()
	placeholder := w.placeholder("demo")
	ask := func(token string) int {
		answer, _ := w.get("/api/v1/x", "x-cloakroom-token", token, "authorization", "Bearer "+placeholder)
		return answer.StatusCode
	}
	if got := ask(old); got != 401 || b.count() != 0 {
		t.Errorf("with its issuer down: status %d", got)
	}
	w.idp = start(t, w.dir, "idp", nil, "--listen", strings.TrimPrefix(w.issuer, "http://"), "--client", agentClient, "--client", sreClient)
	w.idp.says(t, "listening on ")
	again := w.token(agentClient)
	w.eventually("the issuer is up and its token good", func() bool { return ask(again) == http.StatusOK })
	// a caller of the silent issuer waits; nobody else does
	waiting := make(chan int, 1)
	good := w.token(agentClient)
	go func() { waiting <- ask(forge(t, good, nil, map[string]any{"iss": slow}, nil)) }()
	for range 5 {
		if got := ask(good); got != http.StatusOK {
			t.Errorf("beside a silent issuer: status %d", got)
		}
	}
	select {
	case <-waiting:
		t.Error("the silent issuer's caller did not wait: nothing was tried")
	default:
	}
	if err := w.idp.signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	rotated := w.token(agentClient)
	w.eventually("a token of the new key is good", func() bool { return ask(rotated) == http.StatusOK })
	if got := <-waiting; got != 401 {
		t.Errorf("a silent issuer's caller: status %d", got)
	}
	failed := 0.0
	for name, n := range w.metrics(t) {
		if strings.HasPrefix(name, "cloakroom_issuer_failures_total") {
			failed += n
		}
	}
	if failed < 2 {
		t.Errorf("failures of issuers in the metrics: %v", failed)
	}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
