package integration

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// world is one running Cloakroom with all that it needs.
type world struct {
	t       *testing.T
	dir     string
	env     []string // holds the values
	idp     *process
	issuer  string
	people  string // the issuer of people; empty: there is none
	up      *process
	gateway string // base URL for agents
	admin   string // base URL for operators
	client  *http.Client
}

// setup says what a world is made of. Config is the YAML of cloakroom.yaml
// without identity, store, admin and envoy.listen, which are added; {{NAME}} in it is
// replaced from Vars.
type setup struct {
	Values    map[string]string // environment variables with values
	Env       []string          // more variables, that hold no value
	Config    string            // tiers, credentials, placeholders, policy, record
	Upstreams []string          // YAML flow maps of envoy.upstreams
	Clients   []string          // id:secret:groups of the provider; default three
	Humans    bool              // people can log in, with an issuer named "people"; Config can name its groups
	TokenTTL  time.Duration     // default 10m; negative: tokens that have ended
	NoStart   bool              // write everything, start only the provider
}

const (
	agentClient   = "agent:agent-secret-for-tests:ai-agents:alice@example.com"
	otherClient   = "other:other-secret-for-tests:ai-agents"
	financeClient = "finance:finance-secret-for-tests:finance"
	sreClient     = "sre:sre-secret-for-tests:sre"
)

// newWorld starts a world and ends it with the test.
func newWorld(t *testing.T, s setup) *world {
	t.Helper()
	dir, err := os.MkdirTemp(root, "w")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, client: &http.Client{
		Timeout:       60 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DisableCompression: true},
	}}
	for name, value := range s.Values {
		w.env = append(w.env, name+"="+value)
		canary(value)
	}
	w.env = append(w.env, s.Env...)
	if len(s.Clients) == 0 {
		s.Clients = []string{agentClient, otherClient, financeClient, sreClient}
	}
	arguments := []string{"--listen", "127.0.0.1:0"}
	for _, c := range s.Clients {
		arguments = append(arguments, "--client", c)
	}
	if s.TokenTTL != 0 {
		arguments = append(arguments, "--token-ttl="+s.TokenTTL.String())
	}
	w.idp = start(t, dir, "idp", nil, arguments...)
	w.issuer = w.idp.says(t, "listening on ")
	if s.Humans {
		w.configureHumans(s)
	} else {
		w.configure(s)
	}
	if !s.NoStart {
		w.start()
	}
	return w
}

// configure writes cloakroom.yaml.
func (w *world) configure(s setup) {
	w.t.Helper()
	w.write("cloakroom.yaml", fmt.Sprintf(`identity:
  issuers:
    - issuer: %s
      audiences: [cloakroom]
      claims: {groups: groups}
      groups_allowed: [ai-agents, finance, sre]
%s
listen: {admin: "127.0.0.1:0"}
admin: {operators: [sre]}
`, w.issuer, s.Config)+s.envoy())
}

// envoy is the envoy section.
func (s setup) envoy() string {
	text := `envoy:
  listen: "127.0.0.1:0"
  upstreams:
`
	for _, u := range s.Upstreams {
		text += "    - " + u + "\n"
	}
	return text
}

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// start starts `cloakroom up`, again if it was stopped.
func (w *world) start() {
	w.t.Helper()
	w.up = start(w.t, w.dir, "cloakroom", w.env, "up", "--envoy-concurrency", "2")
	w.gateway = w.up.says(w.t, "cloakroom: agents: ")
	w.admin = w.up.says(w.t, "cloakroom: operators: ")
	w.hideKey()
}

// token gets an identity token from the provider for one of its clients.
func (w *world) token(client string) string {
	w.t.Helper()
	id, rest, _ := strings.Cut(client, ":")
	secret, _, _ := strings.Cut(rest, ":")
	r, err := http.NewRequest(http.MethodPost, w.issuer+"/oauth/token", strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	r.SetBasicAuth(id, secret)
	r.Header.Set("content-type", "application/x-www-form-urlencoded")
	var got struct {
		Token string `json:"access_token"`
	}
	w.decode(r, http.StatusOK, &got)
	if got.Token == "" {
		w.t.Fatal("the provider gave no token")
	}
	canary(got.Token)
	return got.Token
}

// placeholder is the named placeholder of a credential, as `credential ls`
// prints it.
func (w *world) placeholder(credential string) string {
	w.t.Helper()
	stdout, stderr, code := command(w.t, w.dir, w.env, "credential", "ls", "--json")
	if code != 0 {
		w.t.Fatalf("credential ls: %s", stderr)
	}
	var all []struct{ Name, Placeholder string }
	if err := json.Unmarshal([]byte(stdout), &all); err != nil {
		w.t.Fatal(err)
	}
	for _, c := range all {
		if c.Name == credential {
			return c.Placeholder
		}
	}
	w.t.Fatalf("no credential %q", credential)
	return ""
}

// ticket asks the gateway for a ticket.
func (w *world) ticket(client, credential string) string {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodPost, w.gateway+"/.well-known/cloakroom/leases",
		strings.NewReader(fmt.Sprintf(`{"credential":%q,"reason":"a test"}`, credential)))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("x-cloakroom-token", w.token(client))
	var got struct{ Ticket string }
	w.decode(r, http.StatusCreated, &got)
	canary(got.Ticket)
	return got.Ticket
}

func (w *world) decode(r *http.Request, status int, into any) {
	w.t.Helper()
	answer, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if answer.StatusCode != status {
		w.t.Fatalf("%s %s: status %d, want %d: %s", r.Method, r.URL, answer.StatusCode, status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		w.t.Fatalf("%s %s: %v: %s", r.Method, r.URL, err, body)
	}
}

// get sends a request through the gateway; headers are name, value, name, ….
func (w *world) get(path string, headers ...string) (*http.Response, string) {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodGet, w.gateway+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.do(r, headers...)
}

func (w *world) do(r *http.Request, headers ...string) (*http.Response, string) {
	w.t.Helper()
	for i := 0; i < len(headers); i += 2 {
		if strings.EqualFold(headers[i], "host") {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	answer, err := w.client.Do(r)
	if err != nil {
		w.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatalf("%s %s: reading the answer: %v (so far %q)", r.Method, r.URL, err, body)
	}
	page(shownTo(r, fmt.Sprint(answer.Header, answer.Trailer), string(body))...)
	return answer, string(body)
}

// seen is a backend in the test's own process: what reached it, and what it
// answers.
type seen struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
}

// backend starts an upstream that keeps every request's head and answers by
// handler.
func backend(t *testing.T, handler http.HandlerFunc) *seen {
	t.Helper()
	b := &seen{}
	b.Server = httptest.NewServer(b.keeping(handler))
	t.Cleanup(b.Close)
	return b
}

// keeping is the handler that keeps the heads of requests first.
func (b *seen) keeping(handler http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.requests = append(b.requests, r.Clone(r.Context()))
		b.mu.Unlock()
		handler(w, r)
	})
}

// address is the backend's host:port.
func (b *seen) address() string { return b.Listener.Addr().String() }

// count is how many requests reached the backend.
func (b *seen) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.requests)
}

// last is the latest request that reached the backend, nil if none did.
func (b *seen) last() *http.Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) == 0 {
		return nil
	}
	return b.requests[len(b.requests)-1]
}

// value makes a secret that no other test has.
func value() string {
	b := make([]byte, 20)
	rand.Read(b)
	return "sk-" + hex.EncodeToString(b)
}
