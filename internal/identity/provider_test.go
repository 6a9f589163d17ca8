package identity

import (
	"bytes"
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloakroom/examples/quickstart/idp/provider"
	"cloakroom/internal/access"
)

// real is a running OpenID Connect provider, whose documents can be held back.
type real struct {
	*provider.Provider
	url     string
	fetches atomic.Int64 // of the key set
	down    atomic.Bool
	hold    atomic.Pointer[chan struct{}] // discovery waits for it to close
	said    map[string]any                // set by announce
	basic   atomic.Bool                   // the last client showed its secret in a header
}

func startProvider(t testing.TB) *real {
	t.Helper()
	r := &real{}
	server := httptest.NewUnstartedServer(r)
	r.url = "http://" + server.Listener.Addr().String()
	var err error
	r.Provider, err = provider.New(provider.Options{Issuer: r.url, Clients: []provider.Client{
		{ID: "agent", Secret: "agent-secret", Groups: []string{"ai-agents", "dev"}, Owner: " Alice@Example.com"},
		{ID: "other", Secret: "other-secret"},
	}, Users: []provider.User{
		{Name: "alice", Password: "pw", Email: "alice@example.com", Groups: []string{"oncall"}},
		{Name: "bob", Password: "pw", Email: "bob@example.com", Unverified: true},
	}, Apps: []provider.App{
		{ID: "page", Secret: "page-secret", Redirects: []string{redirect}, Logouts: []string{redirect}},
		{ID: "cli", Native: true, Redirects: []string{redirect}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(server.Close)
	return r
}

func (r *real) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.URL.Path != "/oauth/token" {
		if hold := r.hold.Load(); hold != nil {
			<-*hold
		}
		if r.down.Load() {
			http.Error(w, "the body of an error", http.StatusInternalServerError)
			return
		}
	}
	switch q.URL.Path {
	case "/oauth/token":
		_, _, basic := q.BasicAuth()
		r.basic.Store(basic)
	case "/keys":
		r.fetches.Add(1)
	case "/redirect":
		http.Redirect(w, q, "/oauth/token", http.StatusTemporaryRedirect)
		return
	case "/.well-known/openid-configuration":
		r.discover(w, q)
		return
	}
	r.Provider.ServeHTTP(w, q)
}

// announce changes the discovery document, before anybody asks for it; nil
// removes, and what begins with "/" is the provider's own.
func (r *real) announce(change map[string]any) {
	r.said = maps.Clone(change)
	for k, v := range r.said {
		if path, ok := v.(string); ok && strings.HasPrefix(path, "/") {
			r.said[k] = r.url + path
		}
	}
}

func (r *real) discover(w http.ResponseWriter, q *http.Request) {
	plain := httptest.NewRecorder()
	r.Provider.ServeHTTP(plain, q)
	var doc map[string]any
	if err := json.Unmarshal(plain.Body.Bytes(), &doc); err != nil {
		panic(err)
	}
	maps.Copy(doc, r.said)
	maps.DeleteFunc(doc, func(_ string, v any) bool { return v == nil })
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(doc)
}

// token asks the token endpoint, as a client would.
func (r *real) token(t testing.TB, client string) string {
	t.Helper()
	q, _ := http.NewRequest("POST", r.url+"/oauth/token", strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode()))
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.SetBasicAuth(client, client+"-secret")
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Token == "" {
		t.Fatalf("asking for a token: %s, %v", resp.Status, err)
	}
	return answer.Token
}

func (r *real) issuer() Issuer {
	return Issuer{URL: r.url, Audiences: []string{"elsewhere", "cloakroom"}, Groups: []string{"groups"}}
}

// claimsOf are good claims at the time now, changed as told; nil removes.
func (r *real) claimsOf(now time.Time, change map[string]any) map[string]any {
	c := map[string]any{
		"iss": r.url, "sub": "hand", "aud": "cloakroom", "jti": "j1",
		"exp": now.Add(time.Minute).Unix(), "iat": now.Unix(), "nbf": now.Unix(),
	}
	for k, v := range change {
		c[k] = v
		if v == nil {
			delete(c, k)
		}
	}
	return c
}

// sign signs claims, which may be raw JSON, with the provider's key by RS256,
// whatever the header says.
func (r *real) sign(t testing.TB, header map[string]any, claims any) string {
	id, key := r.Key()
	h := map[string]any{"alg": "RS256", "kid": id, "typ": "JWT"}
	for k, v := range header {
		h[k] = v
	}
	input := encode(t, h) + "." + encode(t, claims)
	sum := sha256.Sum256([]byte(input))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func (r *real) signPSS(t testing.TB, claims any) string {
	id, key := r.Key()
	input := encode(t, map[string]any{"alg": "PS256", "kid": id}) + "." + encode(t, claims)
	sum := sha256.Sum256([]byte(input))
	sig, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], nil)
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// signHMAC signs with the provider's public key as the secret, in PEM.
func (r *real) signHMAC(t testing.TB, claims any) string {
	id, key := r.Key()
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	input := encode(t, map[string]any{"alg": "HS256", "kid": id}) + "." + encode(t, claims)
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func encode(t testing.TB, v any) string {
	b, raw := v.([]byte)
	if !raw {
		var err error
		if b, err = json.Marshal(v); err != nil {
			t.Fatal(err)
		}
	}
	return base64.RawURLEncoding.EncodeToString(bytes.TrimSpace(b))
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newVerifier(t testing.TB, o Options, issuers ...Issuer) *Verifier {
	t.Helper()
	v, err := New(Config{Issuers: issuers}, o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func own(token string) []access.Header { return []access.Header{{Name: ownHeader, Value: token}} }

// reason is what an Identify was refused for; empty: it was not.
func reason(v *Verifier, headers []access.Header, path string) string {
	_, err := v.Identify(context.Background(), headers, path)
	if err != nil {
		return err.Error()
	}
	return ""
}
