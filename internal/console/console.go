// Package console is where people look and answer: the page on the admin
// listener, and the API beside it.
//
// It promises that nobody sees anything who did not log in with an issuer of
// humans (to the API: show a bearer token of one) and has no role at the desk;
// that an answer reaches the desk only with a login that was made for it, by the
// person whose session it is; that a page's GET changes nothing; that nothing that
// was said in an exchange is shown to anybody but an auditor, nor before the log has
// an entry that says to whom; and that a page loads nothing from elsewhere and runs
// nothing inline. What a browser keeps for us is
// sealed, so that any replica serves any request. The package decides nothing:
// package approval does. Deliberately absent: answers to several questions at
// once, and a way to see a value.
package console

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/approval"
	"cloakroom/internal/identity"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// Desk is where it is decided who may see, answer and revoke. *approval.Desk is
// one. Its errors' texts may be shown to the person.
type Desk interface {
	Roles(who access.Principal) approval.Roles
	Questions(ctx context.Context, who access.Principal) ([]approval.Question, error)
	Question(ctx context.Context, id string, who access.Principal) (approval.Question, error)
	Answer(ctx context.Context, id string, a approval.Answer) (lease.Lease, error)
	Lease(ctx context.Context, id string, who access.Principal) (lease.Lease, error)
	List(ctx context.Context, who access.Principal, f lease.Filter) ([]lease.Lease, error)
	Revoke(ctx context.Context, who access.Principal, r approval.Revocation) (approval.Revoked, error)
	Bars(who access.Principal) ([]lease.Bar, error)
	Lift(ctx context.Context, who access.Principal, bar string) error
}

// Index is what the pages ask of the record. record.Index is one.
type Index interface {
	Sessions(ctx context.Context, f record.SessionFilter) ([]record.Session, error)
	Exchanges(ctx context.Context, principal, session string, limit int) ([]record.Exchange, error)
	Exchange(ctx context.Context, id string) (record.Exchange, error) // record.ErrUnknown: there is none
	Refusals(ctx context.Context, since time.Time, limit int) ([]record.Exchange, error)
}

// Flow is how people of one issuer log in. *identity.Login is one.
type Flow interface {
	AuthURL(ctx context.Context, a identity.Attempt) (string, error)
	Finish(ctx context.Context, a identity.Attempt, answer url.Values) (identity.LoggedIn, error)
	Verify(ctx context.Context, a identity.Attempt, idToken string) (identity.LoggedIn, error)
	LogoutURL(ctx context.Context, back string) (string, error) // empty: there is none
}

// Login is one issuer with which people log in.
type Login struct {
	Issuer string // its URL
	Name   string // to show
	Page   Flow   // as the page's client
	CLI    *CLI   // nil: an answer cannot come by the API
}

// CLI is a public client with which a program logs its user in for one answer.
type CLI struct {
	Flow
	ClientID string
	Scopes   []string
	ACR      string // to ask for; empty: any
}

// Health is one thing that must work.
type Health struct {
	Name   string
	OK     bool
	Detail string // never a value, a token or a URL that holds one
}

// Deps is what the console needs; all but Recordings are required.
type Deps struct {
	URL   *url.URL // how people reach the listener; its path counts for nothing
	Key   [32]byte // seals what browsers and clients keep for us
	Desk  Desk
	Index Index
	Log   Log
	// Recordings reads what was recorded; nil: nothing can be read.
	Recordings recording.Reader
	Scheme     string // by which agents reach the gateway; empty: http

	Logins   func() []Login // in the configuration's order
	Groups   func() approval.Groups
	Identify func(ctx context.Context, headers []access.Header, path string) (access.Principal, error)
	// Inventory is the one in force.
	Inventory func() *inventory.Set
	// Changes gives a channel that is sent to whenever a lease or a bar changed.
	Changes func() (changed <-chan struct{}, stop func())
	Health  func(ctx context.Context) []Health
	Done    <-chan struct{} // closed when the service ends
	Version string
	Logger  *slog.Logger
}

// Console is the handler of the page and the API.
type Console struct {
	Deps
	handler   http.Handler
	sealer    sealer
	templates map[string]*template.Template
	logins    chan struct{} // has room for the logins that issuers are asked about at once
	streams   streams
	now       func() time.Time
}

// New makes a Console.
func New(d Deps) (*Console, error) {
	switch {
	case d.Desk == nil || d.Index == nil || d.Log == nil || d.Logins == nil || d.Groups == nil || d.Identify == nil || d.Inventory == nil,
		d.Changes == nil || d.Health == nil || d.Done == nil || d.Logger == nil:
		return nil, errors.New("making the console: a dependency is missing")
	case d.Key == [32]byte{}:
		return nil, errors.New("making the console: no key")
	case d.URL == nil || d.URL.Host == "" || d.URL.Scheme != "https" && d.URL.Scheme != "http":
		return nil, errors.New("making the console: no URL at which people reach it")
	}
	c := &Console{Deps: d, now: time.Now, logins: make(chan struct{}, loginsAtOnce),
		streams: streams{by: make(map[string]int)}}
	var err error
	if c.sealer, err = newSealer(d.Key); err != nil {
		return nil, fmt.Errorf("making the console: %w", err)
	}
	if c.templates, err = parseTemplates(c.now); err != nil {
		return nil, fmt.Errorf("making the console: %w", err)
	}
	c.handler = c.guard(c.routes())
	return c, nil
}

// ServeHTTP implements http.Handler.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

func (c *Console) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /assets/{name}", serveAsset)
	m.HandleFunc("GET /login", c.anybody(c.loginPage))
	m.HandleFunc("POST /login", c.anybody(c.beginLogin))
	m.HandleFunc("GET "+callbackPath, c.anybody(c.callback))
	for pattern, h := range map[string]visited{
		"GET /{$}":                     c.inbox,
		"GET /approvals/{id}":          c.question,
		"POST /approvals/{id}":         c.answer,
		"POST /approvals/{id}/confirm": c.confirm,
		"GET /leases":                  c.leases,
		"GET /revoke":                  c.confirmRevoke,
		"POST /revoke":                 c.revoke,
		"POST /bars/{id}/lift":         c.lift,
		"GET /inventory":               c.inventory,
		"GET /sessions":                c.sessions,
		"GET /session":                 c.session,
		"POST /session":                c.readSession,
		"GET /exchanges/{id}":          c.exchange,
		"POST /exchanges/{id}":         c.readExchange,
		"POST /exchanges/{id}/har":     c.downloadExchange,
		"GET /denials":                 c.denials,
		"GET /health":                  c.health,
		"GET /events":                  c.events,
		"POST /logout":                 c.logout,
	} {
		m.HandleFunc(pattern, c.visitors(h))
	}
	c.api(m)
	m.HandleFunc("/", c.anybody(func(http.ResponseWriter, *http.Request) error { return errNoPage }))
	return m
}

// token is 128 random bits as text.
func token() string { return rand.Text() }

// streams counts the event streams that are open.
type streams struct {
	mu  sync.Mutex
	by  map[string]int // by principal
	all int
}
