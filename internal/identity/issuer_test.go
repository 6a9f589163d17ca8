package identity

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestRotation pins that a new key is known at once, and withdrawn ones end
// also for tokens that are remembered.
func TestRotation(t *testing.T) {
	p, c := startProvider(t), newClock()
	v := newVerifier(t, Options{Now: c.now}, p.issuer())
	first := p.sign(t, nil, p.claimsOf(c.now(), nil))
	if got := reason(v, own(first), "/"); got != "" {
		t.Fatal(got)
	}
	if err := p.Rotate(); err != nil {
		t.Fatal(err)
	}
	second := p.sign(t, nil, p.claimsOf(c.now(), nil))
	if got := reason(v, own(second), "/"); got != "" {
		t.Fatalf("after a rotation: %q", got)
	}
	if got := reason(v, own(first), "/"); got != "" {
		t.Fatalf("signed before the rotation: %q", got)
	}
	if err := p.Rotate(); err != nil {
		t.Fatal(err)
	}
	third := p.sign(t, nil, p.claimsOf(c.now(), nil))
	if got := reason(v, own(third), "/"); !strings.Contains(got, "known now") {
		t.Errorf("a second rotation within the interval: %q", got)
	}
	c.add(refreshEvery)
	if got := reason(v, own(third), "/"); got != "" {
		t.Errorf("after the interval: %q", got)
	}
	if got := reason(v, own(first), "/"); !strings.Contains(got, "known now") {
		t.Errorf("remembered, its key withdrawn: %q", got)
	}
	if got := reason(v, own(second), "/"); got != "" {
		t.Errorf("signed with the key before the last: %q", got)
	}
}

func TestForgedKeyIDsDoNotHammer(t *testing.T) {
	p, c := startProvider(t), newClock()
	v := newVerifier(t, Options{Now: c.now}, p.issuer())
	forge := func(n int) string { return p.sign(t, map[string]any{"kid": fmt.Sprint(n)}, p.claimsOf(c.now(), nil)) }
	for n := range 20 {
		if got := reason(v, own(forge(n)), "/"); !strings.Contains(got, "known now") {
			t.Fatalf("forged key id: %q", got)
		}
	}
	if got := p.fetches.Load(); got != 2 {
		t.Errorf("%d fetches, want the first and one refresh", got)
	}
	c.add(refreshEvery)
	for n := range 20 {
		reason(v, own(forge(n)), "/")
	}
	if got := p.fetches.Load(); got != 3 {
		t.Errorf("%d fetches after the interval, want 3", got)
	}
}

func TestManyCallersLoadOnce(t *testing.T) {
	p := startProvider(t)
	v := newVerifier(t, Options{}, p.issuer())
	hold := make(chan struct{})
	p.hold.Store(&hold)
	var wg sync.WaitGroup
	for n := range 30 {
		token := p.sign(t, nil, p.claimsOf(time.Now(), map[string]any{"jti": fmt.Sprint(n)}))
		wg.Go(func() {
			if got := reason(v, own(token), "/"); got != "" {
				t.Error(got)
			}
		})
	}
	close(hold)
	wg.Wait()
	if got := p.fetches.Load(); got != 1 {
		t.Errorf("%d fetches, want 1", got)
	}
}

// TestSlowIssuer pins that a hanging issuer holds its own callers only, and
// those no longer than their contexts.
func TestSlowIssuer(t *testing.T) {
	slow, fast := startProvider(t), startProvider(t)
	v := newVerifier(t, Options{}, slow.issuer(), fast.issuer())
	hold := make(chan struct{})
	slow.hold.Store(&hold)
	token := slow.token(t, "agent")
	waiting := make(chan error)
	go func() {
		_, err := v.Identify(context.Background(), own(token), "/")
		waiting <- err
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_, err := v.Identify(ctx, own(token), "/")
	if e, ok := err.(*Error); !ok || !e.Unavailable {
		t.Errorf("a caller that cannot wait: %v", err)
	}
	if got := reason(v, own(fast.token(t, "agent")), "/"); got != "" {
		t.Errorf("beside a slow issuer: %q", got)
	}
	select {
	case err := <-waiting:
		t.Errorf("the slow issuer's caller did not wait: %v", err)
	default:
	}
	close(hold)
	if err := <-waiting; err != nil {
		t.Errorf("once the slow issuer answered: %v", err)
	}
}

func TestDeadIssuer(t *testing.T) {
	p, c := startProvider(t), newClock()
	var failures atomic.Int64
	var text strings.Builder
	o := Options{Now: c.now, Log: slog.New(slog.NewTextHandler(&text, nil)), OnFailure: func(name string) {
		if name == "main" {
			failures.Add(1)
		}
	}}
	conf := p.issuer()
	conf.Name = "main"
	v := newVerifier(t, o, conf)
	p.down.Store(true)
	token := p.token(t, "agent")
	for range 5 {
		_, err := v.Identify(context.Background(), own(token), "/")
		if e, ok := err.(*Error); !ok || !e.Unavailable || !strings.Contains(e.Reason, p.url) {
			t.Fatalf("a dead issuer: %v", err)
		}
	}
	if got := failures.Load(); got != 1 {
		t.Errorf("%d failures told, want one: the others were within the back-off", got)
	}
	p.down.Store(false)
	c.add(retryAfter)
	if got := reason(v, own(token), "/"); got != "" {
		t.Errorf("back again: %q", got)
	}
	p.down.Store(true)
	c.add(time.Second)
	if got := reason(v, own(p.token(t, "agent")), "/"); got != "" {
		t.Errorf("its keys are known, and it is down: %q", got)
	}
	if log := text.String(); !strings.Contains(log, "answered 500") || strings.Contains(log, "body of an error") || strings.Contains(log, "eyJ") {
		t.Errorf("log %q", log)
	}
}

// TestKeysGrowOld pins that old keys are asked for anew in the background, and
// that no key is believed for ever.
func TestKeysGrowOld(t *testing.T) {
	p, c := startProvider(t), newClock()
	v := newVerifier(t, Options{Now: c.now}, p.issuer())
	token := p.sign(t, nil, p.claimsOf(c.now(), map[string]any{"exp": c.now().Add(72 * time.Hour).Unix()}))
	if got := reason(v, own(token), "/"); got != "" {
		t.Fatal(got)
	}
	c.add(refreshAfter + time.Second)
	i := v.issuers[p.url]
	before := i.known.Load()
	if got := reason(v, own(token), "/"); got != "" {
		t.Fatal(got)
	}
	if i.after(context.Background(), before) == nil {
		t.Error("a remembered token of old keys did not ask for new ones")
	}
	p.down.Store(true)
	c.add(keysEnd + time.Second)
	if got := reason(v, own(p.sign(t, nil, p.claimsOf(c.now(), nil))), "/"); !strings.Contains(got, "cannot be fetched") {
		t.Errorf("keys of yesterday: %q", got)
	}
}

// TestOddIssuers goes through issuers whose documents must not be believed.
func TestOddIssuers(t *testing.T) {
	p := startProvider(t)
	const rs = `["RS256"]`
	for _, tt := range []struct{ name, issuer, algs, jwks, keys string }{
		{"no algorithms", "", `[]`, "", `{"keys":[]}`},
		{"HMAC and none only", "", `["HS256","none"]`, "", ""},
		{"another issuer", "https://other.example", rs, "", ""},
		{"keys over plain http", "", rs, "http://example.invalid/keys", ""},
		{"keys in a file", "", rs, "file:///etc/passwd", ""},
		{"keys nowhere", "", rs, "%", ""},
		{"no keys", "", rs, "", `{"keys":[]}`},
		{"symmetric keys", "", rs, "", `{"keys":[{"kty":"oct","k":"AAAA","kid":"1"}]}`},
		{"not JSON", "", rs, "", `<html>`},
		{"endless", "", rs, "", `{"x":"` + strings.Repeat("x", documentLimit) + `"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mux := http.NewServeMux()
			server := httptest.NewServer(mux)
			defer server.Close()
			name, jwks := server.URL, server.URL+"/keys"
			if tt.issuer != "" {
				name = tt.issuer
			}
			if tt.jwks != "" {
				jwks = tt.jwks
			}
			mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"id_token_signing_alg_values_supported":%s}`, name, jwks, tt.algs)
			})
			mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, tt.keys) })
			v := newVerifier(t, Options{}, Issuer{URL: server.URL, Audiences: []string{"cloakroom"}})
			token := p.sign(t, nil, p.claimsOf(time.Now(), map[string]any{"iss": server.URL}))
			if got := reason(v, own(token), "/"); !strings.Contains(got, "cannot be fetched") {
				t.Errorf("refused for %q", got)
			}
		})
	}
}

// TestOddKeysBesideGood pins that a key that is unknown here hides no other.
func TestOddKeysBesideGood(t *testing.T) {
	p := startProvider(t)
	keys, err := fetchKeys(context.Background(), http.DefaultClient, p.url+"/keys")
	if err != nil || len(keys) != 1 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	good, _ := keys[0].MarshalJSON()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"keys":[{"kty":"XX"},7,{"kty":"oct","k":"AAAA"},%s,%s]}`, strings.Replace(string(good), `"sig"`, `"enc"`, 1), good)
	}))
	defer server.Close()
	if keys, err := fetchKeys(context.Background(), http.DefaultClient, server.URL); err != nil || len(keys) != 1 {
		t.Errorf("%d keys, %v; want the good one", len(keys), err)
	}
}

func TestCAFile(t *testing.T) {
	p := startProvider(t)
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"issuer":"https://%s","jwks_uri":"%s/keys","id_token_signing_alg_values_supported":["RS256"]}`, r.Host, p.url)
	})
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of the refused handshake
	server.StartTLS()
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	token := p.sign(t, nil, p.claimsOf(time.Now(), map[string]any{"iss": server.URL}))
	for file, want := range map[string]string{ca: "", "": "cannot be fetched"} {
		v := newVerifier(t, Options{}, Issuer{URL: server.URL, Audiences: []string{"cloakroom"}, CAFile: file})
		if got := reason(v, own(token), "/"); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("CA file %q: %q, want %q", file, got, want)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache(10)
	hash := func(n int) [32]byte { return [32]byte{byte(n), byte(n >> 8)} }
	hot := &verified{}
	c.add(hash(60000), hot)
	for n := range 1000 {
		c.add(hash(n), &verified{})
		if c.find(hash(60000)) != hot {
			t.Fatalf("the hot entry is gone after %d others", n)
		}
		if got := len(c.young) + len(c.old); got > 11 {
			t.Fatalf("%d entries", got)
		}
	}
	if c.find(hash(1)) != nil {
		t.Error("a cold entry is still there")
	}
}
