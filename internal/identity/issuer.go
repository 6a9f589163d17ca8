package identity

import (
	"context"
	"crypto"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// How an issuer is asked for its keys.
const (
	loadTimeout  = 5 * time.Second
	retryAfter   = 2 * time.Second  // after a failure, while nothing is known
	refreshEvery = 10 * time.Second // at most, for keys that are not known
	refreshAfter = 15 * time.Minute // in the background, so that a withdrawn key is noticed
	keysEnd      = 24 * time.Hour   // without a refresh, keys are no longer believed
)

// issuer verifies the tokens of one Issuer. It loads the issuer's keys on first
// need, for all its waiting callers at once, independent of any caller's
// context and of every other issuer.
type issuer struct {
	Issuer
	client  *http.Client
	options Options

	known      atomic.Pointer[snapshot]
	generation atomic.Uint64 // counts withdrawn keys: tokens verified before are verified again

	mu      sync.Mutex
	loading chan struct{} // closed when the load that is under way ends; nil: none is
	next    time.Time     // no load starts before
}

// verify returns a token that the issuer signed, whose claims nobody has judged.
func (i *issuer) verify(ctx context.Context, token string) (*oidc.IDToken, *Error) {
	s := i.current(ctx)
	if s == nil {
		return nil, &Error{Reason: "the keys of issuer \"" + i.URL + "\" cannot be fetched now", Unavailable: true}
	}
	t, err := s.verify(ctx, i.URL, token)
	if errors.Is(err, errNoKey) {
		if newer := i.after(ctx, s); newer != nil {
			t, err = newer.verify(ctx, i.URL, token)
		}
	}
	switch {
	case errors.Is(err, errNoKey):
		return nil, refuse("the identity token is not signed with a key of issuer %q that is known now", i.URL)
	case err != nil:
		return nil, refuse("the identity token is malformed, or signed in a way that issuer %q does not announce", i.URL)
	}
	return t, nil
}

// current returns what is known of the issuer, waiting for it if nothing is;
// nil if nothing can be known now.
func (i *issuer) current(ctx context.Context) *snapshot {
	s := i.known.Load()
	if s == nil || i.options.Now().Sub(s.loaded) > keysEnd {
		return i.after(ctx, s)
	}
	i.touch(s)
	return s
}

// touch starts a refresh of s in the background if it is old.
func (i *issuer) touch(s *snapshot) {
	if i.options.Now().Sub(s.loaded) > refreshAfter {
		i.mu.Lock()
		i.start()
		i.mu.Unlock()
	}
}

// after returns a snapshot later than old, waiting for it as long as ctx lets
// it; nil if there is none to be had now.
func (i *issuer) after(ctx context.Context, old *snapshot) *snapshot {
	i.mu.Lock()
	if s := i.known.Load(); s != old {
		i.mu.Unlock()
		return s
	}
	done := i.start()
	i.mu.Unlock()
	if done == nil {
		return nil
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
	if s := i.known.Load(); s != old {
		return s
	}
	return nil
}

// start begins a load unless one is under way or it is too early for one, and
// returns what tells its end; nil: it is too early. i.mu is held.
func (i *issuer) start() <-chan struct{} {
	now := i.options.Now()
	if i.loading != nil {
		return i.loading
	}
	if now.Before(i.next) {
		return nil
	}
	if i.known.Load() != nil {
		i.next = now.Add(refreshEvery)
	}
	i.loading = make(chan struct{})
	go i.load(i.loading, now)
	return i.loading
}

func (i *issuer) load(done chan struct{}, now time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), loadTimeout)
	defer cancel()
	s, err := fetch(ctx, i.client, i.URL, now)
	i.mu.Lock()
	old := i.known.Load()
	switch {
	case err == nil:
		i.known.Store(s)
		if old != nil && withdrawn(old.keys, s.keys) {
			i.generation.Add(1)
		}
	case old == nil:
		i.next = i.options.Now().Add(retryAfter)
	}
	i.loading = nil
	i.mu.Unlock()
	if err != nil {
		i.options.OnFailure(i.Name)
		i.options.Log.Warn("asking an issuer for its keys", "issuer", i.Name, "error", err)
	}
	close(done)
}

// withdrawn tells whether a key of old is missing in now.
func withdrawn(old, now []jose.JSONWebKey) bool {
	have := make(map[string]bool, len(now))
	for _, k := range now {
		t, _ := k.Thumbprint(crypto.SHA256)
		have[string(t)] = true
	}
	for _, k := range old {
		if t, _ := k.Thumbprint(crypto.SHA256); !have[string(t)] {
			return true
		}
	}
	return false
}
