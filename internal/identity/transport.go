package identity

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

// documentLimit bounds what is read of a discovery document or a key set.
const documentLimit = 1 << 20

// transport asks an issuer: over TLS unless on loopback, also after a redirect,
// and it never takes more than documentLimit bytes. An answer that is neither a
// document nor a redirect is an error without its body, so that no body reaches
// a log.
type transport struct {
	base *http.Transport
	// refusals passes answers 400 and 401 on too: a token endpoint says in them
	// what is wrong (RFC 6749 §5.2).
	refusals bool
}

func newTransport(roots *x509.CertPool) transport {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.MaxIdleConnsPerHost = 1
	if roots != nil {
		base.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return transport{base: base}
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := checkDestination(r.URL); err != nil {
		return nil, err
	}
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	redirect := resp.StatusCode/100 == 3 && resp.Header.Get("Location") != "" && resp.StatusCode != http.StatusNotModified
	refusal := t.refusals && (resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusUnauthorized)
	if resp.StatusCode != http.StatusOK && !redirect && !refusal {
		resp.Body.Close()
		return nil, fmt.Errorf("answered %d", resp.StatusCode)
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, documentLimit)
	return resp, nil
}

// checkDestination tells whether what u answers may be believed.
func checkDestination(u *url.URL) error {
	if u.Scheme == "https" && u.Hostname() != "" {
		return nil
	}
	host := u.Hostname()
	if ip := net.ParseIP(host); u.Scheme == "http" && (host == "localhost" || ip != nil && ip.IsLoopback()) {
		return nil
	}
	return errors.New("is not https, and not http on loopback")
}
