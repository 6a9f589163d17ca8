package exchange

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
)

// TestOneUse is counted for each lease of an exchange, at the first value that
// goes up under it, and none where none does.
func TestOneUse(t *testing.T) {
	w := newWorld(t)
	p := named("plain")
	everywhere := use(t, "plain", "header:authorization", "header:x-named", "body:/secret", "message:/secret")
	for name, tt := range map[string]struct {
		run  func()
		want []string
	}{
		"two in the head, two credentials": {func() {
			w.begin().RequestHead(w.granted(t, head("/x?key="+named("slashed"), "authorization", "Bearer "+p, "x-named", p), everywhere, use(t, "slashed", "query:key")))
		}, []string{"lease-plain", "lease-slashed"}},
		"granted, not used": {func() { w.begin().RequestHead(w.granted(t, head("/x"), everywhere)) }, nil},
		"in the body":       {func() { w.upload(t, w.granted(t, shown(isJSON), everywhere), member(p), 7) }, []string{"lease-plain"}},
		"in head and body": {func() {
			w.upload(t, w.granted(t, shown(isJSON, "authorization", "Bearer "+p), everywhere), member(p), 7)
		}, []string{"lease-plain"}},
		"in a message": {func() {
			h := head("/x", "upgrade", "websocket")
			h.Route, h.Body = "route+upgrade", true
			x := w.begin()
			x.RequestHead(w.granted(t, h, everywhere))
			x.ResponseHead(switching())
			text := `{"secret":"` + p + `"}`
			x.RequestBody(nil, []byte("\x81"+string([]byte{0x80 | byte(len(text)), 0, 0, 0, 0})+text), false)
		}, []string{"lease-plain"}},
		"refused for another reason": {func() {
			w.begin().RequestHead(w.granted(t, head("/x", "authorization", "Bearer "+p, "x-named", named("newline")), everywhere, use(t, "newline", "header:x-named")))
		}, nil},
	} {
		w.spends = nil
		if tt.run(); !slices.Equal(slices.Sorted(slices.Values(w.spends)), tt.want) {
			t.Errorf("%s: used %v, want %v", name, w.spends, tt.want)
		}
	}
}

// TestWithoutALease nothing goes up, and the caller learns what would work.
func TestWithoutALease(t *testing.T) {
	for standing, want := range map[Standing]struct {
		code  access.Code
		says  string
		retry time.Duration
	}{
		Unconfirmed: {access.Unavailable, "cannot be confirmed now", time.Second},
		Spent:       {access.LeaseExpired, "spent; ask for another lease", 0},
		Over:        {access.LeaseExpired, "has ended", 0},
		9:           {access.Unavailable, "cannot be confirmed now", time.Second},
	} {
		w := newWorld(t)
		w.stands["lease-plain"] = standing
		x := w.begin()
		change, r, err := x.RequestHead(w.granted(t, head("/x", "authorization", "Bearer "+named("plain")), use(t, "plain", "header:authorization")))
		if err != nil || r == nil || r.Code != want.code || !strings.Contains(r.Message, want.says) || r.RetryAfter != want.retry || len(change.Set) > 0 {
			t.Errorf("%d: in the head: %+v, %v, %v", standing, r, err, change)
		}
		if x.End(nil); len(w.entries[0].End.Substitutions) > 0 || len(w.watched) > 0 {
			t.Errorf("%d: recorded %+v, and watched %v", standing, w.entries[0].End, w.watched)
		}
		_, up, r := w.upload(t, w.granted(t, shown(isJSON), use(t, "plain", "body:/secret")), member(named("plain")), 7)
		if r == nil || r.Code != want.code || strings.Contains(up, values["plain"]) {
			t.Errorf("%d: in the body: %+v, %s", standing, r, up)
		}
	}
}

// TestARevokeCuts every exchange that a lease let go, used or not, until it ends;
// its answer is a refusal as long as none has begun.
func TestARevokeCuts(t *testing.T) {
	w := newWorld(t)
	begin := func() *Exchange {
		x := w.begin()
		h := w.granted(t, head("/x", "authorization", "Bearer "+named("plain")), use(t, "plain", "header:authorization"), use(t, "semi", "cookie:session"))
		if _, r, err := x.RequestHead(h); r != nil || err != nil {
			t.Fatal(r, err)
		}
		return x
	}
	for _, lease := range []string{"lease-plain", "lease-semi"} {
		x := begin()
		w.cuts = 0
		if w.watched[lease](); w.cuts != 1 {
			t.Errorf("%s: told to end %d times", lease, w.cuts)
		}
		if r := x.Revoked(); r == nil || r.Code != access.LeaseExpired || !x.Complete() || !strings.Contains(r.Message, "revoked") {
			t.Errorf("%s: before an answer: %v", lease, r)
		}
		x.End(nil)
		if e := w.entries[len(w.entries)-1].End; e.Code != access.LeaseExpired || e.Error != "a lease was revoked" || len(w.watched) > 0 {
			t.Errorf("%s: recorded %+v, still watched: %v", lease, e, w.watched)
		}
	}
	x := begin()
	x.ResponseHead(ResponseHead{Status: 200})
	if r := x.Revoked(); r != nil || x.Complete() {
		t.Errorf("when the answer has begun: %v", r)
	}
	over := begin()
	over.End(errCut)
	if r := over.Revoked(); r != nil {
		t.Errorf("when it is over: %v", r)
	}
	if r := w.begin().Revoked(); r != nil {
		t.Errorf("when nothing was asked: %v", r)
	}
}
