package envoy

import (
	"os"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// systemRoots are where Linux distributions, then macOS, keep the CAs that
// they trust: Envoy verifies nothing unless it is given a file.
var systemRoots = []string{
	"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Arch, Alpine
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
	"/etc/ssl/ca-bundle.pem",                            // openSUSE
	"/etc/ssl/cert.pem",                                 // Alpine, macOS
}

// SystemRoots is the file of the CAs that this machine trusts; empty if there
// is none where one is known to stand.
func SystemRoots() string {
	for _, path := range systemRoots {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// upstreamTLS sets the three things without which Envoy would take any
// certificate, or another host's: CA, SNI, and the name in the certificate.
func (b *builder) upstreamTLS(u Upstream) *corev3.TransportSocket {
	ca := u.CAFile
	if ca == "" {
		ca = SystemRoots()
	}
	if ca == "" {
		b.fail("upstream %q: finding the system's CA certificates: none found; install ca-certificates or name a CA file", u.Host)
	}
	name := u.SNI
	if name == "" {
		name = u.Host
	}
	var alpn []string
	if u.HTTP2 {
		alpn = []string{"h2"}
	}
	return b.tlsSocket(&tlsv3.UpstreamTlsContext{
		Sni: sniOf(name),
		CommonTlsContext: &tlsv3.CommonTlsContext{
			TlsParams:             tls12(),
			AlpnProtocols:         alpn,
			ValidationContextType: verify(ca, name),
		},
	})
}

// serviceTLS is for the service's listeners, which speak alpn.
func (b *builder) serviceTLS(t *ClientTLS, alpn string) *corev3.TransportSocket {
	if t.CAFile == "" || t.Name == "" || t.CertFile == "" || t.KeyFile == "" {
		b.fail("service %q: TLS needs a certificate, its key, a CA file and the service's name", b.o.Service.Address)
	}
	return b.tlsSocket(&tlsv3.UpstreamTlsContext{
		Sni: sniOf(t.Name),
		CommonTlsContext: &tlsv3.CommonTlsContext{
			TlsParams:             tls12(),
			AlpnProtocols:         []string{alpn},
			TlsCertificates:       certificate(t.CertFile, t.KeyFile),
			ValidationContextType: verify(t.CAFile, t.Name),
		},
	})
}

func (b *builder) downstreamTLS(t *ServerTLS) *corev3.TransportSocket {
	return b.tlsSocket(&tlsv3.DownstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{
		TlsParams:       tls12(),
		AlpnProtocols:   []string{"h2", "http/1.1"},
		TlsCertificates: certificate(t.CertFile, t.KeyFile),
	}})
}

func (b *builder) tlsSocket(m validated) *corev3.TransportSocket {
	return &corev3.TransportSocket{
		Name:       "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: b.pack(m)},
	}
}

// verify demands a chain to ca and exactly name in the certificate.
func verify(ca, name string) *tlsv3.CommonTlsContext_ValidationContext {
	kind := tlsv3.SubjectAltNameMatcher_DNS
	if ip, err := parseIP(name); err == nil {
		kind, name = tlsv3.SubjectAltNameMatcher_IP_ADDRESS, ip.String()
	}
	return &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{
		TrustedCa: file(ca),
		MatchTypedSubjectAltNames: []*tlsv3.SubjectAltNameMatcher{{
			SanType: kind,
			Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: name}},
		}},
	}}
}

// sniOf leaves the name out where RFC 6066 has no place for it: an address.
func sniOf(name string) string {
	if _, err := parseIP(name); err == nil {
		return ""
	}
	return name
}

func certificate(cert, key string) []*tlsv3.TlsCertificate {
	return []*tlsv3.TlsCertificate{{CertificateChain: file(cert), PrivateKey: file(key)}}
}

func tls12() *tlsv3.TlsParameters {
	return &tlsv3.TlsParameters{TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_2}
}

func file(path string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: path}}
}
