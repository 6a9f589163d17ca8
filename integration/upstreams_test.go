package integration

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestEndlessResponse reads much of a response that never ends, then stops
// reading: neither the service nor Envoy takes in more than they may.
func TestEndlessResponse(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	over := make(chan bool)
	var m *masking
	m = newMasking(t, map[string]http.HandlerFunc{"/v1/endless": func(w http.ResponseWriter, r *http.Request) {
		defer close(over)
		block := []byte(strings.Repeat("some text and then the value: "+m.key+"\n", 1<<10))
		for {
			n, err := w.Write(block)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	}})
	service, envoy := m.up.cmd.Process.Pid, children(t, m.up.cmd.Process.Pid)[0]
	answer := m.open("/api/v1/endless", m.agent...)
	head := make([]byte, 1<<20)
	if _, err := io.ReadFull(answer.Body, head); err != nil || bytes.Contains(head, []byte(m.key)) || !bytes.Contains(head, []byte(m.placeholder)) {
		t.Errorf("the head of the stream: %v", err)
	}
	if _, err := io.CopyN(io.Discard, answer.Body, 100<<20); err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		if s, e := memory(t, service), memory(t, envoy); s > 250<<20 || e > 300<<20 {
			t.Errorf("%s: the service holds %d MiB, Envoy %d MiB", when, s>>20, e>>20)
		}
	}
	check("while it is read")
	for before := int64(-1); before != sent.Load(); { // until the backend is held up
		before = sent.Load()
		time.Sleep(500 * time.Millisecond)
		check("while nobody reads")
		if sent.Load() > 2<<30 {
			t.Fatal("nothing holds the backend up")
		}
	}
	answer.Body.Close()
	<-over // the backend hears that nobody wants more
}

// authority is a certificate authority of the test's own.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T, dir string) *authority {
	t.Helper()
	a := &authority{file: filepath.Join(dir, "ca.pem")}
	var der []byte
	der, a.key = certificate(t, nil, "an authority")
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// certificate makes a certificate for a name, by a or by itself.
func certificate(t *testing.T, a *authority, name string) (der []byte, key *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true}
	parent, signer := c, key
	if a == nil {
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
	} else {
		parent, signer = a.cert, a.key
	}
	if strings.Contains(name, ".") {
		c.DNSNames = []string{name}
	}
	if der, err = x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer); err != nil {
		t.Fatal(err)
	}
	return der, key
}

// tlsBackend is a backend with a certificate.
func tlsBackend(t *testing.T, der []byte, key *ecdsa.PrivateKey, handler http.HandlerFunc) *seen {
	t.Helper()
	b := &seen{}
	b.Server = httptest.NewUnstartedServer(b.keeping(handler))
	b.Config.ErrorLog = log.New(io.Discard, "", 0)
	b.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	b.StartTLS()
	t.Cleanup(b.Close)
	return b
}

// TestBadUpstreams asks upstreams that do not serve: Envoy's error comes back,
// and is recorded. One with a good certificate does serve.
func TestBadUpstreams(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := newAuthority(t, dir)
	echo := func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("authorization")) }
	tlsOf := func(signer *authority, name string) *seen {
		der, key := certificate(t, signer, name)
		return tlsBackend(t, der, key, echo)
	}
	good, misnamed, selfSigned := tlsOf(ca, "api.test"), tlsOf(ca, "other.test"), tlsOf(nil, "api.test")
	down, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down.Close()
	upstream := func(prefix, address, more string) string {
		return fmt.Sprintf(`{host: api.test, prefix: /%s, address: %q%s}`, prefix, address, more)
	}
	own := ", tls: {ca: " + ca.file + "}"
	var m *masking
	m = newMasking(t, map[string]http.HandlerFunc{
		"/v1/reset": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"/v1/short": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("content-length", "100000")
			io.WriteString(w, "you sent "+m.key)
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
	}, upstream("good", good.address(), own), upstream("misnamed", misnamed.address(), own), upstream("self", selfSigned.address(), own),
		upstream("system", good.address(), ", tls: true"), upstream("plain", good.address(), ""), upstream("down", down.Addr().String(), ""))
	for _, tt := range []struct {
		path   string
		status int // 0: the answer may break off instead
	}{
		{"good/v1/x", 200}, {"misnamed/v1/x", 503}, {"self/v1/x", 503}, {"system/v1/x", 503}, {"plain/v1/x", 400}, {"down/v1/x", 503},
		{"api/v1/reset", 503}, {"api/v1/short", 0},
	} {
		t.Run(tt.path, func(t *testing.T) {
			session := strings.ReplaceAll(tt.path, "/", "-")
			answer := m.open("/"+tt.path, append([]string{"x-cloakroom-session", session}, m.agent...)...)
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			page(fmt.Sprint(answer.Header), strings.ReplaceAll(string(body), m.placeholder, ""))
			m.clean(t, answer.Header, string(body))
			e := m.session(t, session, 1, true)[0].End.End
			if tt.status == 0 {
				if err == nil && answer.StatusCode == 200 || e.Error == "" && e.Status == 200 {
					t.Errorf("a body that broke off: status %d, %v; recorded %+v", answer.StatusCode, err, e)
				}
				return
			}
			if err != nil || answer.StatusCode != tt.status || e.Status != tt.status {
				t.Errorf("status %d: %s (%v); recorded %+v", answer.StatusCode, body, err, e)
			}
			if tt.status == 200 && string(body) != "Bearer "+m.placeholder {
				t.Errorf("body %q", body)
			}
		})
	}
	if n := misnamed.count() + selfSigned.count(); n != 0 || good.count() != 1 {
		t.Errorf("%d requests reached a backend with a bad certificate, %d the good one", n, good.count())
	}
}

// TestSlowUpstream asks a backend that never answers, and one that stops in the
// middle: Envoy ends both, here sooner than as it is printed.
func TestSlowUpstream(t *testing.T) {
	t.Parallel()
	hold := make(chan bool)
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/half" {
			io.WriteString(w, strings.Repeat("a text that goes on ", 1000)+r.Header.Get("authorization"))
			http.NewResponseController(w).Flush()
		}
		<-hold
	})
	defer close(hold)
	key := value()
	r := newRig(t, setup{Values: map[string]string{"DEMO_KEY": key}, Config: oneCredential,
		Upstreams: []string{`{host: api.test, prefix: /api, address: "` + b.address() + `"}`}}, func(bootstrap node) {
		for _, host := range at(manager(bootstrap), "route_config", "virtual_hosts").([]any) {
			for _, route := range at(host, "routes").([]any) {
				if action, ok := at(route, "route").(node); ok {
					action["idle_timeout"] = "1s"
				}
			}
		}
	})
	agent := []string{"x-cloakroom-token", r.token(agentClient), "authorization", "Bearer " + r.placeholder("demo")}
	for _, path := range []string{"never", "half"} {
		answer := r.open("/api/v1/"+path, append([]string{"x-cloakroom-session", path}, agent...)...)
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if strings.Contains(string(body), key) {
			t.Errorf("%s: the value came back", path)
		}
		e := r.session(t, path, 1, true)[0].End.End
		if path == "never" && (answer.StatusCode != http.StatusGatewayTimeout || e.Status != http.StatusGatewayTimeout) ||
			path == "half" && (err == nil || e.Error == "") {
			t.Errorf("%s: status %d, %v; recorded %+v", path, answer.StatusCode, err, e)
		}
	}
}
