package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"go.yaml.in/yaml/v4"
)

// maxPEM is the largest certificate or key file, in bytes.
const maxPEM = 4 << 20

func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, bare(err)
	case !info.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	case info.Size() > maxPEM:
		return nil, fmt.Errorf("over %d MiB", maxPEM>>20)
	}
	b, err := os.ReadFile(path)
	return b, bare(err)
}

// certificates reads the path of a PEM file with certificates of authorities.
func (l *loader) certificates(n *yaml.Node) string {
	path := l.path(n, "a file's path")
	if path == "" {
		return ""
	}
	pem, err := readRegular(path)
	switch {
	case err != nil:
		l.fail(n, "", "file %q: %v", path, err)
	case !x509.NewCertPool().AppendCertsFromPEM(pem):
		l.fail(n, "", "file %q: no certificate in PEM", path)
	}
	return path
}

// pair reads the paths of a certificate and its key.
func (l *loader) pair(parent, cert, key *yaml.Node, t *ServerTLS) {
	ok := l.present(parent, cert, "tls", "cert", "add cert: FILE")
	if !l.present(parent, key, "tls", "key", "add key: FILE") || !ok {
		return
	}
	t.CertFile, t.KeyFile = l.path(cert, "a file's path"), l.path(key, "a file's path")
	if t.CertFile == "" || t.KeyFile == "" {
		return
	}
	certPEM, err := readRegular(t.CertFile)
	if err != nil {
		l.fail(cert, "", "file %q: %v", t.CertFile, err)
	}
	keyPEM, keyErr := readRegular(t.KeyFile)
	if keyErr != nil {
		l.fail(key, "", "file %q: %v", t.KeyFile, keyErr)
	}
	if err != nil || keyErr != nil {
		return
	}
	if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil {
		l.fail(cert, "", "file %q is not a certificate with the key in %q", t.CertFile, t.KeyFile)
	}
}
