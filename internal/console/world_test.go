package console

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/approval"
	"cloakroom/internal/identity"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

const (
	people = "https://login.test" // the issuer of humans
	agents = "https://agents.test"
	home   = "https://cloakroom.test"
)

// world is a console over a desk, a record and an issuer of the test's own. It
// is the desk, and the login at the issuer.
type world struct {
	t *testing.T
	*Console
	mu      sync.Mutex
	clock   time.Time
	leases  []lease.Lease
	bars    []lease.Bar
	answers []approval.Answer
	revoked []approval.Revocation
	in      identity.LoggedIn // who logs in next, at the issuer
	refused error             // of the issuer
	fail    error             // of the desk
	attempt identity.Attempt  // the latest that a browser was sent with
	changed chan struct{}
	done    chan struct{}
	logged  strings.Builder

	read    []record.Act // of recordings, as the log has it
	noLog   error        // of the log
	noTape  error        // of the recordings
	hostile string       // stands in what the agent and the backend say
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: time.Now(), changed: make(chan struct{}, 1), done: make(chan struct{})}
	u, _ := url.Parse(home)
	var err error
	w.Console, err = New(w.deps(u))
	if err != nil {
		t.Fatal(err)
	}
	w.Console.now = func() time.Time { return w.clock }
	return w
}

func (w *world) deps(u *url.URL) Deps {
	set, err := inventory.New(inventory.Key{1}, []inventory.Credential{payments}, nil, false)
	if err != nil {
		w.t.Fatal(err)
	}
	return Deps{URL: u, Key: [32]byte{7}, Desk: desk{w}, Index: index{}, Log: log{w}, Recordings: tapes{w}, Logins: w.logins, Groups: groups, Identify: w.identify,
		Inventory: func() *inventory.Set { return set },
		Changes:   func() (<-chan struct{}, func()) { return w.changed, func() {} },
		Health: func(context.Context) []Health {
			return []Health{{"the log", true, ""}, {"the store", false, "it does not answer"}}
		},
		Done: w.done, Version: "v0.0.1", Logger: slog.New(slog.NewTextHandler(&w.logged, nil))}
}

var payments = inventory.Credential{Name: "payments-write", Description: "refunds at the payment provider",
	Groups: []access.Group{{Issuer: agents, Name: "ai-agents"}},
	Tier: inventory.Tier{Name: "high", Lease: 5 * time.Minute, Uses: 3, Approval: &inventory.Approval{
		Approvers: []access.Group{{Issuer: people, Name: "oncall"}}, Count: 2, Expires: 15 * time.Minute, Wait: 30 * time.Second}},
	Rules: []inventory.Rule{{Hosts: []string{"api.pay.test"}, Methods: []string{"POST"}, Paths: []string{"/v1/refunds", "/v1/refunds/**"}}},
}

func groups() approval.Groups {
	g := func(name string) []access.Group { return []access.Group{{Issuer: people, Name: name}} }
	return approval.Groups{Operators: g("sre"), Approvers: g("oncall"), Auditors: g("security")}
}

func (w *world) logins() []Login {
	return []Login{{Issuer: people, Name: "Example", Page: w, CLI: &CLI{Flow: w, ClientID: "cloakroom-cli", Scopes: []string{"openid", "email"}}}}
}

// human is a person of the issuer of humans.
func human(name string, groups ...string) identity.LoggedIn {
	return identity.LoggedIn{Name: strings.ToUpper(name[:1]) + name[1:], Principal: access.Principal{Issuer: people, Subject: name,
		Person: name + "@example.com", Groups: append(groups, "everybody"), Human: true}}
}

// identify knows a person by the name in their token.
func (w *world) identify(_ context.Context, headers []access.Header, _ string) (access.Principal, error) {
	for _, h := range headers {
		name, ok := strings.CutPrefix(h.Value, "Bearer ")
		switch {
		case h.Name != "authorization" || !ok:
		case name == "bad":
			return access.Principal{}, &identity.Error{Reason: "the token has expired"}
		case name == "machine":
			return access.Principal{Issuer: agents, Subject: "m", Groups: []string{"oncall", "sre"}}, nil
		default:
			who, group, _ := strings.Cut(name, ":")
			return human(who, group).Principal, nil
		}
	}
	return access.Principal{}, nil
}

// AuthURL, Finish and Verify are the issuer's.
func (w *world) AuthURL(_ context.Context, a identity.Attempt) (string, error) {
	w.attempt = a
	return people + "/authorize?state=" + a.State, w.refused
}

func (w *world) Finish(_ context.Context, a identity.Attempt, answer url.Values) (identity.LoggedIn, error) {
	if answer.Get("state") != a.State {
		return identity.LoggedIn{}, &identity.Error{Reason: "the answer belongs to another attempt"}
	}
	return w.in, w.refused
}

func (w *world) Verify(_ context.Context, a identity.Attempt, idToken string) (identity.LoggedIn, error) {
	if idToken != "token-with-nonce:"+a.Nonce || a.Fresh.IsZero() {
		return identity.LoggedIn{}, &identity.Error{Reason: "the ID token belongs to another attempt to log in"}
	}
	return w.in, nil
}

func (w *world) LogoutURL(context.Context, string) (string, error) { return people + "/logout", nil }

// ask opens a question of an agent.
func (w *world) ask(o lease.Operation, reason string) lease.Lease {
	w.t.Helper()
	l, err := lease.Open(lease.Ask{Principal: access.Principal{Issuer: agents, Subject: "refund-bot", Person: "erin@example.com", Groups: []string{"ai-agents"}},
		Credential: payments.Name, Reason: reason, Operation: o, Stands: 15 * time.Minute, Session: "s1",
		Terms: lease.Terms{Length: 5 * time.Minute, Uses: 3, Needs: 1}}, w.clock)
	if err != nil {
		w.t.Fatal(err)
	}
	w.leases = append(w.leases, l)
	return l
}

var refund = lease.Operation{Method: "POST", Host: "api.pay.test", Path: "/v1/refunds?expand=charge", Body: lease.Digest{1, 2}}

// desk is the world as a Desk: a small one with one approver group.
type desk struct{ *world }

func (d desk) Roles(who access.Principal) approval.Roles {
	if !who.Human || who.Ticket {
		return approval.Roles{}
	}
	g := groups()
	return approval.Roles{Operator: who.InAny(g.Operators), Approver: who.InAny(g.Approvers), Auditor: who.InAny(g.Auditors)}
}

func (d desk) Questions(ctx context.Context, who access.Principal) (all []approval.Question, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.world.leases {
		if l.State == lease.Pending {
			all = append(all, questionOf(l, who))
		}
	}
	return all, d.world.fail
}

func questionOf(l lease.Lease, who access.Principal) approval.Question {
	q := approval.Question{ID: l.ID, Credential: l.Credential, Description: payments.Description, Tier: "high",
		Principal: l.Principal, Issuer: l.Issuer, Subject: l.Subject, Person: l.Person, Groups: l.Groups, Session: l.Session, Reason: l.Reason,
		Operation: l.Operation, Rules: []approval.Rule{{Hosts: []string{"api.pay.test"}, Methods: []string{"POST"},
			Paths: []string{"/v1/refunds", "/v1/refunds/**"}, In: []string{"header"}}},
		Seconds: 300, Uses: 3, Needs: l.Terms.Needs, Asked: l.Created, Expires: l.Ends, Seen: "seen-" + l.ID,
		Given: []approval.Given{}, Before: approval.History{Asked: 4, Approved: 3, Denied: 1, Last: l.Created.Add(-3 * time.Hour)}}
	for _, s := range l.Operation.Scopes() {
		q.Scopes = append(q.Scopes, s.String())
	}
	for _, a := range l.Answers {
		q.Given = append(q.Given, approval.Given{Person: a.Person, Name: a.Name, Scope: a.Scope.String(), Via: a.Via, Time: a.Time})
	}
	if who.Person == l.Person {
		q.Obstacle = "This agent works for you: nobody answers their own question."
	}
	return q
}

func (d desk) Question(ctx context.Context, id string, who access.Principal) (approval.Question, error) {
	l, err := d.Lease(ctx, id, who)
	return questionOf(l, who), err
}

func (d desk) Lease(_ context.Context, id string, _ access.Principal) (lease.Lease, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.world.leases, func(l lease.Lease) bool { return l.ID == id })
	if i < 0 {
		return lease.Lease{}, lease.ErrUnknown
	}
	return d.world.leases[i], d.world.fail
}

func (d desk) Answer(_ context.Context, id string, a approval.Answer) (lease.Lease, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.world.leases, func(l lease.Lease) bool { return l.ID == id })
	switch {
	case i < 0:
		return lease.Lease{}, lease.ErrUnknown
	case a.Seen != "seen-"+id:
		return lease.Lease{}, approval.ErrChanged
	}
	l, err := d.world.leases[i].Answer(lease.Answer{Person: a.By.Person, Principal: a.By.ID(), Name: a.Name, Approve: a.Approve,
		Scope: a.Scope, Reason: a.Reason, Via: a.Via}, d.clock)
	if err == nil {
		d.world.leases[i] = l
		d.world.answers = append(d.world.answers, a)
	}
	return l, err
}

func (d desk) List(_ context.Context, _ access.Principal, f lease.Filter) (all []lease.Lease, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.world.leases {
		if (f.State == 0 || l.State == f.State) && (f.Principal == "" || l.Principal == f.Principal) && (f.Credential == "" || l.Credential == f.Credential) {
			all = append(all, l)
		}
	}
	return all, d.world.fail
}

func (d desk) Revoke(_ context.Context, who access.Principal, r approval.Revocation) (approval.Revoked, error) {
	if !d.Roles(who).Operator {
		return approval.Revoked{}, approval.ErrRole
	}
	d.world.revoked = append(d.world.revoked, r)
	out := approval.Revoked{}
	if r.Lease == "" {
		b := lease.NewBar(lease.Bar{Principal: r.Principal, Credential: r.Credential, Until: r.Until, By: who.ID(), Reason: r.Reason}, d.clock)
		d.world.bars = append(d.world.bars, b)
		out.Bar = &b
	}
	for i, l := range d.world.leases {
		if l.ID == r.Lease || r.All || l.Principal == r.Principal || l.Credential == r.Credential {
			if d.world.leases[i], _ = l.Revoke(who.ID(), d.clock); d.world.leases[i].State != l.State {
				out.Leases = append(out.Leases, l.ID)
			}
		}
	}
	return out, nil
}

func (d desk) Bars(access.Principal) ([]lease.Bar, error) { return d.world.bars, nil }

func (d desk) Lift(_ context.Context, who access.Principal, id string) error {
	if !d.Roles(who).Operator {
		return approval.ErrRole
	}
	n := len(d.world.bars)
	if d.world.bars = slices.DeleteFunc(d.world.bars, func(b lease.Bar) bool { return b.ID == id }); len(d.world.bars) == n {
		return lease.ErrUnknown
	}
	return nil
}

// browser is a person's: it keeps cookies and follows nothing by itself.
type browser struct {
	*world
	cookies map[string]string
}

func (w *world) browser() *browser { return &browser{w, make(map[string]string)} }

// send sends a request as the browser does from a page of the console.
func (b *browser) send(method, path string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequest(method, home+path, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("content-type", "application/x-www-form-urlencoded")
		r.Header.Set("sec-fetch-site", "same-origin")
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
			continue
		}
		b.cookies[c.Name] = c.Value
	}
	return w
}

func (b *browser) get(path string) *httptest.ResponseRecorder {
	b.t.Helper()
	return b.send("GET", path, nil)
}

// post sends a form with the session's token.
func (b *browser) post(path string, fields ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	form := url.Values{formToken: {b.token()}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.send("POST", path, form)
}

// token is the session's, as any page's form has it.
func (b *browser) token() string {
	var s session
	if b.sealer.open(sealedSession, b.cookies["__Host-cloakroom"], &s) != nil {
		return ""
	}
	return s.Token
}

// returns comes back from the issuer, where who logged in.
func (b *browser) returns(who identity.LoggedIn) *httptest.ResponseRecorder {
	b.t.Helper()
	b.in = who
	return b.get("/login/callback?code=c&state=" + b.attempt.State)
}

// loggedIn is a browser in which who logged in.
func (w *world) loggedIn(who identity.LoggedIn) *browser {
	w.t.Helper()
	b := w.browser()
	if got := b.send("POST", "/login", url.Values{"issuer": {people}}); got.Code != 200 {
		w.t.Fatalf("logging in: status %d: %s", got.Code, got.Body)
	}
	if got := b.returns(who); got.Code != 303 {
		w.t.Fatalf("logging in: status %d: %s", got.Code, got.Body)
	}
	return b
}
