package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	connections = 8 // of the pool; Watch has one more
	dialTimeout = 2 * time.Second
	pingTimeout = time.Second
)

// settings are a connection's, whatever the server's, the role's or the
// URL's are. The times bound how long a replica that is cut off may hold a lock
// that the others wait for.
var settings = map[string]string{
	"application_name":                    "cloakroom",
	"search_path":                         "cloakroom",
	"synchronous_commit":                  "on",
	"default_transaction_isolation":       "read committed",
	"statement_timeout":                   "5s",
	"idle_in_transaction_session_timeout": "2s",
	"tcp_keepalives_idle":                 "2", // these three in seconds
	"tcp_keepalives_interval":             "1",
	"tcp_keepalives_count":                "3",
	"tcp_user_timeout":                    "5s",
}

// configure reads the URL. Its errors never quote it: a password with a stray
// "/" or "@" would be taken for another part, and pgx's own errors show that.
func configure(raw string) (*pgxpool.Config, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Opaque != "" {
		return nil, errors.New(`the address is no URL "postgres://user:password@host/database"; escape what is special in the password (%40 for @, %2F for /)`)
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil || ambiguous(raw) {
		return nil, errors.New("the URL cannot be told apart: escape what is special in its parts (%40 for @, %2F for /, %3F for ?)")
	}
	c, err := pgxpool.ParseConfig(raw)
	if err != nil {
		return nil, understood(err)
	}
	if host := strippable(&c.ConnConfig.Config); host != "" {
		return nil, fmt.Errorf("whoever is between here and %q could take TLS off: say sslmode=verify-full in the URL (or disable, where the network is trusted)", host)
	}
	c.MaxConns, c.MinConns, c.PingTimeout = connections, 0, pingTimeout
	c.ConnConfig.ConnectTimeout = dialTimeout
	c.ConnConfig.DialFunc = dial
	maps.Copy(c.ConnConfig.RuntimeParams, settings)
	return c, nil
}

// ambiguous tells whether an "@" stands where it need not end the password.
func ambiguous(raw string) bool {
	_, rest, _ := strings.Cut(raw, "://")
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
	}
	return strings.Count(rest, "@") > 1 || strings.Contains(rest[len(authority):], "@")
}

// understood is what pgx found wrong with an option, without the URL.
func understood(err error) error {
	if cause := errors.Unwrap(err); cause != nil {
		return fmt.Errorf("reading the URL: %w", cause)
	}
	return errors.New("reading the URL: a host, a port or an option in it is not understood")
}

// strippable is a host on the network that may be spoken to in clear if it
// claims to have no TLS (sslmode prefer, which is libpq's default, and allow);
// empty: there is none.
func strippable(c *pgconn.Config) string {
	encrypted := map[string]bool{}
	plans := append([]*pgconn.FallbackConfig{{Host: c.Host, Port: c.Port, TLSConfig: c.TLSConfig}}, c.Fallbacks...)
	for _, p := range plans {
		encrypted[p.Host] = encrypted[p.Host] || p.TLSConfig != nil
	}
	for _, p := range plans {
		if p.TLSConfig == nil && encrypted[p.Host] && !loopback(p.Host) {
			return p.Host
		}
	}
	return ""
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// dial opens a connection that notices within seconds that its network is dead.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 2}}
	if network != "unix" {
		d.Control = func(_, _ string, c syscall.RawConn) error { return loseSoon(c, time.Second) }
	}
	return d.DialContext(ctx, network, address)
}
