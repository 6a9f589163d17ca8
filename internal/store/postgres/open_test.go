package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
)

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		name     string
		version  int
		complain string // empty: it opens
	}{
		{"this program's", len(migrations), ""},
		{"newer", 99, "newer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := server.Database(t)
			d := openAt(t, url, "log")
			if _, err := d.pool.Exec(t.Context(), "UPDATE version SET number = $1", c.version); err != nil {
				t.Fatal(err)
			}
			for _, open := range []func() (*DB, error){
				func() (*DB, error) { return Open(t.Context(), url, "log") },
				func() (*DB, error) { return OpenReader(t.Context(), url) },
			} {
				d, err := open()
				if (err == nil) != (c.complain == "") || err != nil && !strings.Contains(err.Error(), c.complain) {
					t.Errorf("got %v", err)
				}
				if err == nil {
					d.Close()
				}
			}
		})
	}
}

func TestReaderMakesNothing(t *testing.T) {
	url := server.Database(t)
	for range 2 {
		if _, err := OpenReader(t.Context(), url); err == nil || !strings.Contains(err.Error(), "start the service") {
			t.Errorf("an empty database: got %v", err)
		}
	}
}

func TestReaderSeesAndDoesNotWrite(t *testing.T) {
	url := server.Database(t)
	insert(t, openAt(t, url, "log"), row(t))
	r, err := OpenReader(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if rows, err := r.List(t.Context(), lease.Filter{}); err != nil || len(rows) != 1 {
		t.Errorf("got %+v, %v", rows, err)
	}
	_, insertErr := r.Insert(t.Context(), row(t), 0)
	for what, err := range map[string]error{"inserted": insertErr, "marked": r.Mark(t.Context(), leasetest.Epoch),
		"emptied the index": r.Reset(t.Context())} {
		if err == nil {
			t.Errorf("a reader %s", what)
		}
	}
}

func TestOpenAsksForALog(t *testing.T) {
	if _, err := Open(t.Context(), server.URL("postgres"), ""); err == nil {
		t.Error("opened without one")
	}
}

// A schema that an administrator made is used by who may not make one.
func TestASchemaThatIsThere(t *testing.T) {
	d := open(t)
	name := d.pool.Config().ConnConfig.Database
	for _, statement := range []string{
		"DROP SCHEMA cloakroom CASCADE",
		"DROP ROLE IF EXISTS humble", "CREATE ROLE humble LOGIN", "CREATE SCHEMA cloakroom AUTHORIZATION humble",
	} {
		if _, err := d.pool.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	openAt(t, strings.Replace(server.URL(name), "cloakroom@", "humble@", 1), "log")
}

// Whatever the database's own settings are.
func TestSettingsAreOurs(t *testing.T) {
	d := open(t)
	name := d.pool.Config().ConnConfig.Database
	for _, set := range []string{"synchronous_commit = off", "search_path = public", "statement_timeout = 0",
		"default_transaction_isolation = 'repeatable read'"} {
		if _, err := d.pool.Exec(t.Context(), "ALTER DATABASE "+name+" SET "+set); err != nil {
			t.Fatal(err)
		}
	}
	again := openAt(t, server.URL(name)+"&synchronous_commit=off&statement_timeout=0", "log")
	for setting, want := range settings {
		if strings.HasPrefix(setting, "tcp_") { // of a Unix socket they are 0
			continue
		}
		var is string
		if err := again.pool.QueryRow(t.Context(), "SELECT current_setting($1)", setting).Scan(&is); err != nil || is != want {
			t.Errorf("%s is %q, %v; want %q", setting, is, err, want)
		}
	}
}

func TestNoErrorShowsThePassword(t *testing.T) {
	const secret = "hunter2secret"
	var urls []string
	for _, u := range []string{
		"postgres://u:%s@127.0.0.1:1/db?sslmode=disable",
		"postgres://u:%s@127.0.0.1:1/db?sslmode=nonsense",
		"postgres://u:%s@127.0.0.1:1/db?sslmode=verify-full&sslrootcert=/nowhere",
		"postgres://u:%s@127.0.0.1:1/db?pool_max_conns=many&sslmode=disable",
		"postgres://u:%s@127.0.0.1:port/db",
		"postgres://u:%s@h%%zz/db",
		"postgres://u:%s@db.example/x",
		"postgres://127.0.0.1:1/db?user=u&sslmode=disable&password=%s",
		"postgres://127.0.0.1:1/db?user=u&sslmode=nonsense&password=%s",
		"postgres://127.0.0.1:1/db?user=u&password=%s%%zz",
		"postgres:u:%s@127.0.0.1/db",
		"mysql://u:%s@127.0.0.1/db",
		"host=127.0.0.1 port=1 user=u password=%s",
		"%s",
	} {
		for _, odd := range []string{"", "/", "@", ":", "#", "?", "%", " ", "1/", "1?", "1#", "1@2/"} {
			urls = append(urls, fmt.Sprintf(u, odd+secret+odd))
		}
	}
	for _, u := range urls {
		_, err := Open(t.Context(), u, "log")
		if err == nil {
			t.Errorf("%q opens", u)
		}
		for ; err != nil; err = errors.Unwrap(err) {
			var parsing *pgconn.ParseConfigError
			if strings.Contains(err.Error(), secret) || errors.As(err, &parsing) {
				t.Errorf("%q: %v", u, err)
			}
		}
	}
}

// No password is sent, nor anything else, to who claims to have no TLS.
func TestTLSIsNotTakenOff(t *testing.T) {
	for _, c := range []struct {
		host, query string
		ok          bool
	}{
		{"db.example", "", false},
		{"db.example", "sslmode=prefer", false},
		{"db.example", "sslmode=allow", false},
		{"127.0.0.1,db.example", "", false},
		{"db.example", "sslmode=require", true},
		{"db.example", "sslmode=verify-full", true},
		{"db.example", "sslmode=disable", true},
		{"127.0.0.1", "", true},
		{"[::1]", "", true},
		{"localhost", "", true},
		{"", "host=/run/postgresql", true},
	} {
		u := url.URL{Scheme: "postgres", Host: c.host, Path: "/db", RawQuery: c.query}
		raw, err := url.PathUnescape(u.String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := configure(raw); (err == nil) != c.ok {
			t.Errorf("%s: %v", raw, err)
		}
	}
	p := newProxy(t)
	if _, err := Open(t.Context(), p.url("require"), "log"); err == nil {
		t.Error("sslmode=require opened a server without TLS")
	}
	if d, err := Open(context.Background(), p.url("disable"), "log"); err != nil {
		t.Error(err)
	} else {
		d.Close()
	}
}
