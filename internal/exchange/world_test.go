package exchange

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/grant"
	"cloakroom/internal/inventory"
	"cloakroom/internal/record"
	"cloakroom/internal/secret"
)

var (
	start = time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
	key   = inventory.Key{3}
)

// values are what the credentials of a world are worth. Each holds a byte that
// some place must encode or refuse.
var values = map[string]string{
	"plain":   "plain-Zk3vQ9x1LmT7rW2a",
	"slashed": "sla/sh+ed=Zk3v Q9x1&Lm",
	"semi":    "semi;colon,Zk3vQ9x1LmT",
	"colon":   "col:on-Zk3vQ9x1LmT7rW2",
	"newline": "new\nline\rZk3vQ9x1LmT7r",
	"nul":     "nul\x00Zk3vQ9x1LmT7rW2a9b",
}

func named(credential string) string { return key.Placeholder(credential) }

// world is an engine's surroundings, as a test wants them.
type world struct {
	snap    *Snapshot // in force
	codec   *grant.Codec
	engine  *Engine
	values  map[string]secret.Value
	stands  map[string]Standing // of leases that are not live
	spends  []string            // leases of which a use was counted
	done    chan struct{}       // closed when any lease ends
	watched map[string]func()   // by lease: what a revoke calls
	cuts    int                 // how often the transport was told to end
	now     time.Time
	entries []record.Entry
	counted []string
	told    []string // what the observer heard
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{values: map[string]secret.Value{}, stands: map[string]Standing{}, watched: map[string]func(){}, now: start}
	rule := inventory.Rule{Hosts: []string{"api.example.com"}, Methods: []string{"GET"}, Paths: []string{"/**"}}
	for _, in := range []string{"header", "header:x-named", "cookie:session", "query:key", "path", "body:/secret", "form:secret", "message:/secret"} {
		l, err := access.ParseLocation(in)
		if err != nil {
			t.Fatal(err)
		}
		rule.In = append(rule.In, l)
	}
	var credentials []inventory.Credential
	for name, v := range values {
		w.values[name] = secret.New([]byte(v))
		credentials = append(credentials, inventory.Credential{Name: name, Tier: inventory.Tier{Name: "low", Lease: time.Minute},
			Groups: []access.Group{{Issuer: "i", Name: "g"}}, Rules: []inventory.Rule{rule}})
	}
	credentials = append(credentials, inventory.Credential{Name: "unreadable", Tier: credentials[0].Tier,
		Groups: credentials[0].Groups, Rules: credentials[0].Rules})
	rules, err := inventory.New(key, credentials, []inventory.Upstream{
		{Host: "api.example.com", Route: "route", Cluster: "cluster"},
		{Host: "api.example.com", Prefix: "/api", Route: "prefixed", Cluster: "cluster"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	w.snap, err = Compile([32]byte{5}, rules, w.values, map[string][]secret.Value{"plain": {secret.New([]byte("former-Zk3vQ9x1LmT7rW2"))}})
	if err != nil {
		t.Fatal(err)
	}
	if w.codec, err = grant.New([32]byte{4}); err != nil {
		t.Fatal(err)
	}
	w.engine, err = New(Deps{Snapshot: func() *Snapshot { return w.snap }, Leases: w, Grants: w.codec, Log: w, Observer: w,
		Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) begin() *Exchange { return w.engine.Begin(func() { w.cuts++ }) }

func (w *world) Check(id string, _ time.Time) Standing {
	if s, ok := w.stands[id]; ok && s != Spent { // what has no use left is live
		return s
	}
	return Live
}

func (w *world) Spend(id string, _ time.Time) Standing {
	if s, ok := w.stands[id]; ok {
		return s
	}
	w.spends = append(w.spends, id)
	return Live
}

func (w *world) OnRevoke(id string, cut func()) (stop func()) {
	w.watched[id] = cut
	return func() { delete(w.watched, id) }
}

func (w *world) Done(string) <-chan struct{} { return w.done }
func (w *world) Note(e record.Entry)         { w.entries = append(w.entries, e) }
func (w *world) CountRefusal(code access.Code, source string) {
	w.counted = append(w.counted, string(code)+" "+source)
}
func (w *world) Began()                   { w.told = append(w.told, "began") }
func (w *world) Refused(code access.Code) { w.told = append(w.told, "refused "+string(code)) }
func (w *world) ValueSent(name string)    { w.told = append(w.told, "value sent "+name) }
func (w *world) Ended(put, masked map[string]int, err error, _ time.Duration) {
	w.told = append(w.told, fmt.Sprint("ended ", put, masked, err))
}

// head is a GET of path with header lines, and what the deciding half saw of it.
func head(path string, pairs ...string) RequestHead {
	h := RequestHead{Method: "GET", Authority: "api.example.com", Path: path, Route: "route", Cluster: "cluster", Source: "10.0.0.7:4711"}
	for i := 0; i < len(pairs); i += 2 {
		h.Headers = append(h.Headers, access.Header{Name: pairs[i], Value: pairs[i+1]})
	}
	return h
}

// granted seals a grant for h that gives uses, and puts it in.
func (w *world) granted(t testing.TB, h RequestHead, uses ...access.Use) RequestHead {
	t.Helper()
	sealed, err := w.codec.Seal(access.Grant{Exchange: "exchange-1", Principal: "i#p", Method: h.Method, Authority: h.Authority,
		Path: strings.TrimPrefix(h.Path, "/api"), Route: h.Route, Cluster: h.Cluster, Source: h.Source,
		Ends: w.now.Add(30 * time.Second), Uses: uses})
	if err != nil {
		t.Fatal(err)
	}
	h.Grant = sealed
	return h
}

func use(t testing.TB, credential string, locations ...string) access.Use {
	t.Helper()
	u := access.Use{Credential: credential, Lease: "lease-" + credential}
	for _, text := range locations {
		l, err := access.ParseLocation(text)
		if err != nil {
			t.Fatal(err)
		}
		u.Locations = append(u.Locations, l)
	}
	return u
}

// apply is what a transport does with a change, as package exchange documents it.
func apply(c Change, lines []access.Header) []access.Header {
	isSet := func(name string) bool {
		return slices.ContainsFunc(c.Set, func(h access.Header) bool { return h.Name == name })
	}
	out := slices.DeleteFunc(slices.Clone(lines), func(h access.Header) bool {
		return isSet(h.Name) || slices.Contains(c.Remove, h.Name)
	})
	return append(out, c.Set...)
}

// text prints lines without accept-encoding, which every request gets.
func text(lines []access.Header) string {
	var out []string
	for _, l := range lines {
		if l != (access.Header{Name: "accept-encoding", Value: "identity"}) {
			out = append(out, l.Name+": "+l.Value)
		}
	}
	slices.SortStableFunc(out, func(a, b string) int {
		return strings.Compare(strings.SplitN(a, ":", 2)[0], strings.SplitN(b, ":", 2)[0])
	})
	return strings.Join(out, "\n")
}

func basic(userinfo string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(userinfo))
}

var errCut = errors.New("cut")
