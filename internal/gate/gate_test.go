package gate

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// serve starts a gRPC server behind a gate and returns a client of it.
func serve(t *testing.T, client credentials.TransportCredentials, options ...grpc.ServerOption) healthv1.HealthClient {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(options...)
	healthv1.RegisterHealthServer(server, health.NewServer())
	go server.Serve(l)
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(client))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return healthv1.NewHealthClient(conn)
}

func TestKey(t *testing.T) {
	good := strings.Repeat("k", MinKey)
	tests := []struct {
		name string
		key  string
		sent []string
		want codes.Code
	}{
		{"the key", good, []string{good}, codes.OK},
		{"none", good, nil, codes.PermissionDenied},
		{"an empty one", good, []string{""}, codes.PermissionDenied},
		{"a wrong one", good, []string{strings.Repeat("x", MinKey)}, codes.PermissionDenied},
		{"its beginning", good, []string{good[1:]}, codes.PermissionDenied},
		{"more than it", good, []string{good + "k"}, codes.PermissionDenied},
		{"twice", good, []string{good, good}, codes.PermissionDenied},
		{"a wrong one beside it", good, []string{"x", good}, codes.PermissionDenied},
		{"a short key, sent", "short", []string{"short"}, codes.PermissionDenied},
		{"no key, none sent", "", nil, codes.PermissionDenied},
		{"no key, an empty one sent", "", []string{""}, codes.PermissionDenied},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := serve(t, insecure.NewCredentials(), Key(tt.key).Options()...)
			ctx := t.Context()
			for _, k := range tt.sent {
				ctx = metadata.AppendToOutgoingContext(ctx, KeyMetadata, k)
			}
			if _, err := client.Check(ctx, &healthv1.HealthCheckRequest{}); status.Code(err) != tt.want {
				t.Errorf("a call: %v, want %v", err, tt.want)
			}
			stream, err := client.Watch(ctx, &healthv1.HealthCheckRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Recv(); status.Code(err) != tt.want {
				t.Errorf("a stream: %v, want %v", err, tt.want)
			}
		})
	}
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	a := authority{}
	a.cert, a.key = sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "a CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}, a)
	return a
}

// sign makes a certificate by a, or by itself where a is empty.
func sign(t *testing.T, c *x509.Certificate, a authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(1), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return out, key
}

// client is a client's certificate with a URI or a DNS name.
func (a authority) client(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	c := &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, Subject: pkix.Name{CommonName: "envoy.example.com"}}
	if u, err := url.Parse(name); err == nil && u.Scheme != "" {
		c.URIs = []*url.URL{u}
	} else if name != "" {
		c.DNSNames = []string{name}
	}
	cert, key := sign(t, c, a)
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

func write(t *testing.T, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func listener(t *testing.T, a authority, clients ...string) TLS {
	t.Helper()
	cert, key := sign(t, &x509.Certificate{DNSNames: []string{"cloakroom"}}, a)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return TLS{CertFile: write(t, "CERTIFICATE", cert.Raw), KeyFile: write(t, "PRIVATE KEY", der),
		ClientCAFile: write(t, "CERTIFICATE", a.cert.Raw), Clients: clients}
}

func TestClients(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	const envoy = "spiffe://mesh.example.com/ns/gateway/sa/envoy"
	rules, err := listener(t, ours, envoy, "envoy.example.com").Credentials()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		cert *tls.Certificate
		ok   bool
	}{
		{"named by URI", ours.client(t, envoy), true},
		{"named by DNS name", ours.client(t, "envoy.example.com"), true},
		{"of the same trust domain", ours.client(t, "spiffe://mesh.example.com/ns/agents/sa/agent"), false},
		{"below a name", ours.client(t, envoy+"/x"), false},
		{"by another DNS name", ours.client(t, "x.envoy.example.com"), false},
		{"by common name alone", ours.client(t, ""), false},
		{"of another CA", theirs.client(t, envoy), false},
		{"no certificate", nil, false},
	}
	roots := x509.NewCertPool()
	roots.AddCert(ours.cert)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config := &tls.Config{RootCAs: roots, ServerName: "cloakroom"}
			if tt.cert != nil {
				// GetClientCertificate: sent even if the server says that it does not know the CA
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return tt.cert, nil }
			}
			client := serve(t, credentials.NewTLS(config), grpc.Creds(rules))
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if _, err := client.Check(ctx, &healthv1.HealthCheckRequest{}); (err == nil) != tt.ok || status.Code(err) == codes.DeadlineExceeded {
				t.Errorf("got %v, want ok: %v", err, tt.ok)
			}
		})
	}
}

func TestCredentialsThatCannotBe(t *testing.T) {
	a := newAuthority(t)
	good := listener(t, a, "envoy.example.com")
	if _, err := good.Credentials(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*TLS){
		"no clients named":     func(l *TLS) { l.Clients = nil },
		"certificate":          func(l *TLS) { l.CertFile = "/nonexistent" },
		"reading clients' CA:": func(l *TLS) { l.ClientCAFile = "/nonexistent" },
		"no certificate in it": func(l *TLS) { l.ClientCAFile = l.KeyFile },
	} {
		l := good
		spoil(&l)
		if _, err := l.Credentials(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}
