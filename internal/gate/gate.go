// Package gate decides who may open a connection to the service: Envoy, and
// nobody else. Whoever can speak ext_proc to a service that holds values can
// ask it for them, and the agent often shares the machine.
//
// Three gates exist. A Unix socket that only its owner can open, whose callers
// the kernel names (SO_PEERCRED): by process id under `up`, else by user id.
// TLS on TCP, with a list of exact client identities. A key that Envoy sends
// with every stream. A service that holds values does not start without one.
//
// It deliberately knows nothing of principals: agents are package identity's.
package gate

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// KeyMetadata is the name under which Envoy sends the key.
const KeyMetadata = "x-cloakroom-key"

// MinKey is the shortest key that is accepted, in bytes.
const MinKey = 32

// TLS names the files (PEM) and the clients of a TCP listener.
type TLS struct {
	CertFile, KeyFile, ClientCAFile string
	// Clients are the exact identities that may call: URI or DNS subject
	// alternative names. Never a pattern, never a whole trust domain.
	Clients []string
}

// Credentials are the server's side of t for gRPC.
func (t TLS) Credentials() (credentials.TransportCredentials, error) {
	config, err := t.Config()
	if err != nil {
		return nil, err
	}
	return credentials.NewTLS(config), nil
}

// Config is the server's side of t: a client without one of its identities does
// not get past the handshake.
func (t TLS) Config() (*tls.Config, error) {
	if len(t.Clients) == 0 {
		return nil, errors.New("reading listener's TLS: no clients named, so nobody could call")
	}
	cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("reading listener's certificate: %w", err)
	}
	pem, err := os.ReadFile(t.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("reading clients' CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading clients' CA %q: no certificate in it", t.ClientCAFile)
	}
	return &tls.Config{
		MinVersion:       tls.VersionTLS12,
		Certificates:     []tls.Certificate{cert},
		ClientAuth:       tls.RequireAndVerifyClientCert,
		ClientCAs:        pool,
		VerifyConnection: t.verify,
	}, nil
}

// verify runs for resumed sessions too, unlike VerifyPeerCertificate.
func (t TLS) verify(state tls.ConnectionState) error {
	for _, chain := range state.VerifiedChains {
		for _, uri := range chain[0].URIs {
			if slices.Contains(t.Clients, uri.String()) {
				return nil
			}
		}
		for _, name := range chain[0].DNSNames {
			if slices.Contains(t.Clients, name) {
				return nil
			}
		}
	}
	return errors.New("the client's certificate names no client that may call")
}

// Key is what Envoy must send with every stream; the zero Key admits nobody.
type Key []byte

// Options makes a gRPC server ask for the key.
func (k Key) Options() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if err := k.check(ctx); err != nil {
				return nil, err
			}
			return next(ctx, req)
		}),
		grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			if err := k.check(stream.Context()); err != nil {
				return err
			}
			return next(srv, stream)
		}),
	}
}

func (k Key) check(ctx context.Context) error {
	sent := metadata.ValueFromIncomingContext(ctx, KeyMetadata)
	if len(k) >= MinKey && len(sent) == 1 && subtle.ConstantTimeCompare([]byte(sent[0]), k) == 1 {
		return nil
	}
	return status.Error(codes.PermissionDenied, "only Envoy may call")
}
