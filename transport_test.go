package cloakroom_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/decide"
	"cloakroom/internal/exchange"
	"cloakroom/internal/grant"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
	"cloakroom/internal/record"
	"cloakroom/internal/secret"
	"cloakroom/rego"
)

const value = "planted-Vq83hXk2LmT7rW2aZ"

var key = inventory.Key{5}

// handler is a second transport: an HTTP proxy that drives the two cores
// itself, where Envoy, gRPC and protobuf stand otherwise.
type handler struct {
	decider *decide.Decider
	engine  *exchange.Engine
	codec   *grant.Codec
	backend string
}

func (p *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := exchange.RequestHead{Method: r.Method, Authority: r.Host, Path: r.RequestURI, Headers: access.Headers(r.Header),
		Route: "route", Cluster: "cluster", Source: r.RemoteAddr}
	d := p.decider.Decide(r.Context(), &access.Request{Time: time.Now(), Method: head.Method, Authority: head.Authority, Path: head.Path,
		Headers: head.Headers, Route: head.Route, Cluster: head.Cluster, Source: head.Source}, nil)
	if d.Outcome != access.Allow {
		refuse(w, d.Refusal)
		return
	}
	var err error
	if head.Grant, err = p.codec.Seal(*d.Grant); err != nil {
		panic(err)
	}
	x := p.engine.Begin(func() {})
	defer func() { x.End(nil) }()
	change, refused, err := x.RequestHead(head)
	if refused != nil || err != nil {
		refuse(w, refused)
		return
	}
	up, err := http.NewRequest(r.Method, p.backend+r.RequestURI, nil)
	if err != nil {
		panic(err)
	}
	up.Header = r.Header.Clone()
	apply(up.Header, change)
	for _, name := range d.Change.RemoveRequestHeaders {
		up.Header.Del(name)
	}
	p.answer(w, x, up)
}

// answer reads the body one byte at a time, the worst that a transport can do.
func (p *handler) answer(w http.ResponseWriter, x *exchange.Exchange, up *http.Request) {
	res, err := http.DefaultTransport.RoundTrip(up)
	if err != nil {
		panic(err)
	}
	defer res.Body.Close()
	res.Header.Del("content-length")
	change, refused, err := x.ResponseHead(exchange.ResponseHead{Status: res.StatusCode, Headers: access.Headers(res.Header)})
	if refused != nil || err != nil {
		refuse(w, refused)
		return
	}
	apply(res.Header, change)
	for name, lines := range res.Header {
		w.Header()[name] = lines
	}
	w.WriteHeader(res.StatusCode)
	body, err := io.ReadAll(res.Body)
	if err != nil {
		panic(err)
	}
	var out []byte
	for i := range body {
		if out, err = x.ResponseBody(out, body[i:i+1], false); err != nil {
			panic(err)
		}
	}
	if out, err = x.ResponseBody(out, nil, true); err != nil {
		panic(err)
	}
	w.Write(out)
}

func apply(h http.Header, c exchange.Change) {
	for _, name := range c.Remove {
		h.Del(name)
	}
	for _, line := range c.Set {
		h.Del(line.Name)
	}
	for _, line := range c.Set {
		h.Add(line.Name, line.Value)
	}
}

func refuse(w http.ResponseWriter, r *access.Refusal) {
	w.WriteHeader(r.Code.Status())
	w.Write(r.JSON())
}

// leases are those of a keeper, which is alone with its store.
type leases struct{ *lease.Keeper }

func (l leases) Check(id string, now time.Time) exchange.Standing {
	if l.Live(id, now) {
		return exchange.Live
	}
	return exchange.Over
}

func (l leases) Spend(id string, now time.Time) exchange.Standing { return l.Check(id, now) }

// caller takes the token for the name of whoever calls.
type caller struct{}

func (caller) Issuers() int { return 1 }
func (caller) Identify(_ context.Context, headers []access.Header, _ string) (access.Principal, []string, error) {
	for _, h := range headers {
		if h.Name == "x-cloakroom-token" {
			return access.Principal{Issuer: "https://dex.example.com", Subject: h.Value, Groups: []string{"ai-agents"}}, []string{h.Name}, nil
		}
	}
	return access.Principal{}, nil, nil
}

// TestASecondTransport drives the deciding and the substituting half, with the
// real policy, leases and log, over plain net/http.
func TestASecondTransport(t *testing.T) {
	p, logs := newTransport(t)
	var heard http.Header
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heard = r.Header.Clone()
		w.Header().Set("x-echo", r.Header.Get("authorization"))
		io.WriteString(w, "you sent "+r.Header.Get("authorization")+".")
	}))
	defer backend.Close()
	p.backend = backend.URL
	front := httptest.NewServer(p)
	defer front.Close()

	call := func(path, subject, authorization string) (int, string) {
		t.Helper()
		heard = nil
		r, err := http.NewRequest("GET", front.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if subject != "" {
			r.Header.Set("x-cloakroom-token", subject)
		}
		r.Header.Set("authorization", authorization)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, res.Header.Get("x-echo") + "|" + string(body)
	}
	ours := "Bearer " + key.Placeholder("github")
	if status, got := call("/repos/a", "agent-7", ours); status != 200 || got != ours+"|you sent "+ours+"." {
		t.Errorf("got %d %q", status, got)
	}
	if heard.Get("authorization") != "Bearer "+value || heard.Get("x-cloakroom-token") != "" {
		t.Errorf("the backend heard %v", heard)
	}
	for _, tt := range []struct{ name, path, subject, authorization, code string }{
		{"no token", "/repos/a", "", ours, "unauthenticated"},
		{"outside its rule", "/user", "agent-7", ours, "not_granted"},
		{"forged", "/repos/a", "agent-7", "Bearer " + inventory.Key{6}.Placeholder("github"), "unknown_placeholder"},
	} {
		if status, got := call(tt.path, tt.subject, tt.authorization); status/100 != 4 || !strings.Contains(got, `"code":"`+tt.code+`"`) || heard != nil {
			t.Errorf("%s: got %d %q, the backend heard %v", tt.name, status, got, heard)
		}
	}
	if log := logs(); strings.Contains(log, value) || strings.Count(log, `"decision"`) < 1 || strings.Count(log, `"end"`) < 1 {
		t.Errorf("the log:\n%s", log)
	}
}

func newTransport(t *testing.T) (p *handler, logs func() string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	quiet := slog.New(slog.DiscardHandler)
	rules, err := inventory.New(key, []inventory.Credential{{Name: "github", Tier: inventory.Tier{Name: "low", Lease: time.Minute},
		Groups: []access.Group{{Issuer: "https://dex.example.com", Name: "ai-agents"}},
		Rules:  []inventory.Rule{{Hosts: []string{"api.example.com"}, Methods: []string{"GET"}, Paths: []string{"/repos/**"}}}}},
		[]inventory.Upstream{{Host: "api.example.com", Route: "route", Cluster: "cluster"}}, false)
	must(err)
	snapshot, err := exchange.Compile([32]byte{5}, rules, map[string]secret.Value{"github": secret.New([]byte(value))}, nil)
	must(err)
	dir := filepath.Join(t.TempDir(), "log")
	log, err := record.Open(dir, snapshot, record.Options{Logger: quiet})
	must(err)
	keeper, err := lease.NewKeeper(t.Context(), &leasetest.Memory{}, [32]byte{1}, lease.Options{Logger: quiet}, time.Now())
	must(err)
	policy, err := rego.New(t.Context(), rego.Options{})
	must(err)
	p = &handler{}
	p.codec, err = grant.New([32]byte{2})
	must(err)
	p.engine, err = exchange.New(exchange.Deps{Snapshot: func() *exchange.Snapshot { return snapshot }, Leases: leases{keeper}, Grants: p.codec, Log: log})
	must(err)
	p.decider, err = decide.New(decide.Deps{Inventory: func() *inventory.Set { return rules }, Identity: caller{}, Policy: policy,
		Leases: keeper, Log: log, Recorder: p.engine, Now: time.Now, Logger: quiet})
	must(err)
	return p, func() string {
		must(log.Close())
		var all strings.Builder
		must(filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			all.Write(b)
			return err
		}))
		return all.String()
	}
}
