package integration

import (
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
	"testing"
	"time"

	"google.golang.org/grpc/credentials"
)

// pki is a certificate authority with three leaves, as files: server, gateway
// and stranger, .pem and .key.
type pki struct {
	dir  string
	ca   *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newPKI(t *testing.T, dir string) *pki {
	t.Helper()
	p := &pki{dir: dir, pool: x509.NewCertPool()}
	p.ca = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	p.key = newECKey(t)
	p.issue(t, "ca", p.ca, p.key)
	p.pool.AddCert(p.ca)
	for i, name := range []string{"server", "gateway", "stranger"} {
		leaf := &x509.Certificate{SerialNumber: big.NewInt(int64(i) + 2), Subject: pkix.Name{CommonName: name}, NotBefore: p.ca.NotBefore, NotAfter: p.ca.NotAfter,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
			URIs:        []*url.URL{{Scheme: "spiffe", Host: "test.example", Path: "/" + name}}}
		if name == "server" {
			leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
		}
		p.issue(t, name, leaf, newECKey(t))
	}
	return p
}

func newECKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue signs a certificate and writes it and its key.
func (p *pki) issue(t *testing.T, name string, c *x509.Certificate, key *ecdsa.PrivateKey) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, p.ca, &key.PublicKey, p.key)
	if err != nil {
		t.Fatal(err)
	}
	if c == p.ca {
		if p.ca, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(p.dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// client is what a gRPC client presents: a leaf's certificate, or none.
func (p *pki) client(t *testing.T, leaf string) credentials.TransportCredentials {
	t.Helper()
	c := &tls.Config{RootCAs: p.pool, MinVersion: tls.VersionTLS12}
	if leaf != "" {
		pair, err := tls.LoadX509KeyPair(filepath.Join(p.dir, leaf+".pem"), filepath.Join(p.dir, leaf+".key"))
		if err != nil {
			t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return credentials.NewTLS(c)
}

// envoy is the same for Envoy's cluster of the service.
func (p *pki) envoy(leaf string) node {
	file := func(name string) node { return node{"filename": filepath.Join(p.dir, name)} }
	return node{"transport_socket": node{"name": "envoy.transport_sockets.tls", "typed_config": node{
		"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
		"common_tls_context": node{
			"alpn_protocols":   []any{"h2"},
			"tls_certificates": []any{node{"certificate_chain": file(leaf + ".pem"), "private_key": file(leaf + ".key")}},
			"validation_context": node{"trusted_ca": file("ca.pem"),
				"match_typed_subject_alt_names": []any{node{"san_type": "URI", "matcher": node{"exact": "spiffe://test.example/server"}}}},
		}}}}
}
