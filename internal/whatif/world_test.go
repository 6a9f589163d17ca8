package whatif

import (
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/decide"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
	"cloakroom/internal/recording"
	"cloakroom/rego"
)

const issuer = "https://dex.example.com"

var (
	key       = inventory.Key{1}
	upstreams = []inventory.Upstream{{Host: "api.example.com", Prefix: "/api", Route: "api", Cluster: "c"},
		{Host: "hooks.example.com", Route: "hooks", Cluster: "h"}}
	agent = access.Principal{Issuer: issuer, Subject: "agent-7", Groups: []string{"ai-agents"}, Session: "sid-1", Lasting: true}
	alice = access.Principal{Issuer: issuer, Subject: "alice", Person: "alice@example.com", Human: true}
)

func group(name string) []access.Group { return []access.Group{{Issuer: issuer, Name: name}} }

// credentials are the inventory that requests are decided by at first.
func credentials() []inventory.Credential {
	low := inventory.Tier{Name: "low", Lease: 15 * time.Minute, Requests: 100}
	high := inventory.Tier{Name: "high", Lease: 15 * time.Minute, Approval: &inventory.Approval{Approvers: group("oncall"), Count: 1, Expires: time.Hour}}
	at := func(text string) []access.Location {
		l, err := access.ParseLocation(text)
		if err != nil {
			panic(err)
		}
		return []access.Location{l}
	}
	rule := inventory.Rule{Hosts: []string{"api.example.com"}, Methods: []string{"GET", "POST"}, Paths: []string{"/repos/**"},
		In: []access.Location{{Kind: access.InCredentials}, {Kind: access.InQuery, Name: "key"}, {Kind: access.InCookie, Name: "s"}, {Kind: access.InPath}}}
	hook := inventory.Rule{Hosts: []string{"hooks.example.com"}, Methods: []string{"POST"}, Paths: []string{"/**"}, In: at("body:/token")}
	return []inventory.Credential{
		{Name: "read", Tier: low, Groups: group("ai-agents"), Rules: []inventory.Rule{rule}},
		{Name: "hot", Tier: high, Groups: group("ai-agents"), Rules: []inventory.Rule{rule}},
		{Name: "theirs", Tier: low, Groups: group("others"), Rules: []inventory.Rule{rule}},
		{Name: "hook", Tier: low, Groups: group("ai-agents"), Rules: []inventory.Rule{hook}},
	}
}

// world decides requests by real parts, and keeps what is kept of them.
type world struct {
	t       *testing.T
	keeper  *lease.Keeper
	decider *decide.Decider
	set     *inventory.Set
	now     time.Time
	who     access.Principal
	bar     bool // nothing can be recorded
	entries []record.Entry
	tapes   map[string]*recording.Transcript // by exchange
	leases  map[string]string                // of tickets, by their text
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: recordtest.Epoch, who: agent, tapes: map[string]*recording.Transcript{}, leases: map[string]string{}}
	var err error
	if w.keeper, err = lease.NewKeeper(context.Background(), &leasetest.Memory{}, [32]byte{1}, lease.Options{Confirm: -1}, w.now); err != nil {
		t.Fatal(err)
	}
	w.set = compile(t, credentials())
	w.decider, err = decide.New(decide.Deps{Inventory: func() *inventory.Set { return w.set }, Identity: w, Policy: policy(t, ""), Leases: w.keeper,
		Log: w, Recorder: w, Now: func() time.Time { return w.now }, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func compile(t *testing.T, cs []inventory.Credential) *inventory.Set {
	t.Helper()
	set, err := inventory.New(key, cs, upstreams, false)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// policy is the built-in one with an author's module, unless that is empty; package
// mine takes its place.
func policy(t *testing.T, module string) *rego.Policy {
	t.Helper()
	o := rego.Options{AsOf: true}
	if module != "" {
		o.Dir = t.TempDir()
		if strings.HasPrefix(module, "package mine") {
			o.Decision = "mine/decision"
		}
		if err := os.WriteFile(filepath.Join(o.Dir, "author.rego"), []byte(module), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := rego.New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (w *world) Identify(context.Context, []access.Header, string) (access.Principal, []string, error) {
	return w.who, []string{"x-cloakroom-token"}, nil
}
func (w *world) Issuers() int { return 1 }
func (w *world) Append(_ context.Context, e record.Entry) error {
	w.entries = append(w.entries, e)
	return nil
}
func (w *world) CountRefusal(access.Code, string) {}
func (w *world) Refused(access.Refused)           {}
func (w *world) Ready(string) (string, error) {
	if w.bar {
		return "recording is not possible", recording.ErrUnavailable
	}
	return "", nil
}

func (w *world) named(name string) string { return w.set.Credential(name).Placeholder }

// ticket opens a lease with a ticket.
func (w *world) ticket(name string) string {
	w.t.Helper()
	got, refusal := w.decider.RequestLease(context.Background(), decide.LeaseRequest{Principal: agent, Credential: name, Reason: "a test"})
	if refusal != nil {
		w.t.Fatal(refusal)
	}
	w.leases[got.Text] = got.Status.Lease
	return got.Text
}

// approve answers the question that waits.
func (w *world) approve(id string) {
	w.t.Helper()
	a := lease.Answer{Person: alice.Person, Principal: alice.ID(), Approve: true, Scope: lease.ScopeCredential, Via: "page"}
	if _, err := w.keeper.Answer(context.Background(), id, a, w.now); err != nil {
		w.t.Fatal(err)
	}
}

// to is a request to the API; headers are names and values.
func to(method, path string, headers ...string) *access.Request {
	r := &access.Request{Method: method, Authority: "gate.example.com", Path: path, Source: "10.0.0.1:1", Route: "api", Cluster: "c"}
	r.Headers = []access.Header{{Name: "x-cloakroom-token", Value: "Bearer eyJ.a.b"}, {Name: "user-agent", Value: "test"}}
	for i := 0; i < len(headers); i += 2 {
		r.Headers = append(r.Headers, access.Header{Name: headers[i], Value: headers[i+1]})
	}
	return r
}

// hook is one to the host where a value may stand in the body.
func hook(body string) *access.Request {
	r := to("POST", "/a", "content-type", "application/json")
	r.Route, r.Cluster, r.Body, r.BodyWhole = "hooks+body", "h", []byte(body), true
	return r
}

// send has a request decided, and records it.
func (w *world) send(r *access.Request) access.Decision {
	w.t.Helper()
	r.Time = w.now
	out := w.decider.Decide(context.Background(), r, nil)
	head := recording.Head{Method: r.Method, Authority: r.Authority, Path: w.marked(r.Path)}
	for _, h := range r.Headers {
		head.Headers = append(head.Headers, access.Header{Name: h.Name, Value: w.marked(h.Value)})
	}
	body := []byte(w.marked(string(r.Body)))
	w.tapes[out.Exchange] = &recording.Transcript{Exchange: out.Exchange, Sent: recording.Sum{Bytes: int64(len(body)), Kept: int64(len(body))},
		Events: []recording.Event{{Kind: recording.Request, Head: &head}, {Kind: recording.Sent, Data: body}}}
	return out
}

// marked is a text as it is recorded, Basic credentials too.
func (w *world) marked(text string) string {
	if encoded, ok := strings.CutPrefix(text, "Basic "); ok {
		plain, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			w.t.Fatal(err)
		}
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(w.marked(string(plain))))
	}
	for ticket, lease := range w.leases {
		text = strings.ReplaceAll(text, ticket[len(ticket)-26:], "[ticket "+lease+"]")
	}
	return strings.ReplaceAll(text, "eyJ.a.b", "[token 0123456789abcdef]")
}

// cases are what was recorded so far, as the log and the packs give it.
func (w *world) cases(recorded bool) (all []Case) {
	w.t.Helper()
	for _, l := range recordtest.Lines(w.t, w.entries...) {
		e, err := l.Entry()
		if err != nil {
			w.t.Fatal(err)
		}
		if e.Decision == nil {
			continue
		}
		c := Case{Time: e.Time, Decision: e.Decision}
		if recorded {
			c.Recording = w.tapes[e.Decision.Exchange]
		}
		all = append(all, c)
	}
	return all
}

// rules are those that were in force.
func (w *world) rules() Rules {
	return Rules{Inventory: w.set, Upstreams: upstreams, Policy: policy(w.t, ""), Issuers: map[string][]string{issuer: nil},
		Lease: func(id string) (lease.Lease, bool) {
			l, err := w.keeper.ByID(context.Background(), id, w.now)
			return l, err == nil
		}}
}

// judge decides everything again by other rules.
func (w *world) judge(recorded bool, r Rules) (all []Verdict) {
	w.t.Helper()
	j, err := New(r)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range w.cases(recorded) {
		all = append(all, j.Judge(context.Background(), c))
	}
	return all
}
