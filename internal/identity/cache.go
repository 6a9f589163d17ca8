package identity

import (
	"sync"
	"time"

	"cloakroom/internal/access"
)

// cacheSize is how many verified tokens are remembered.
const cacheSize = 10_000

// verified is what is remembered of a token: never the token itself.
type verified struct {
	principal  access.Principal
	span       span
	issuer     *issuer
	generation uint64 // the issuer's, when the token was verified
}

// live tells whether the keys by which v was verified still stand.
func (v *verified) live() bool { return v.generation == v.issuer.generation.Load() }

// cache remembers verified tokens by their hash, in two generations: when the
// young one is full it becomes the old one, whose unused entries are dropped by
// the next turn. So it is bounded, and a hot token stays without bookkeeping.
type cache struct {
	mu         sync.RWMutex
	young, old map[[32]byte]*verified
	half       int
}

func newCache(size int) *cache {
	return &cache{young: make(map[[32]byte]*verified), half: max(size/2, 1)}
}

func (c *cache) find(hash [32]byte) *verified {
	c.mu.RLock()
	v, old := c.young[hash], c.old[hash]
	c.mu.RUnlock()
	if v == nil && old != nil {
		c.add(hash, old)
		return old
	}
	return v
}

func (c *cache) add(hash [32]byte, v *verified) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= c.half {
		c.young, c.old = make(map[[32]byte]*verified, c.half), c.young
	}
	c.young[hash] = v
}

func (c *cache) drop(hash [32]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.young, hash)
	delete(c.old, hash)
}

// span is the time within which a token is good, skew included.
type span struct{ from, to time.Time }

func (s span) check(now time.Time) *Error {
	switch {
	case now.After(s.to):
		return refuse("the identity token has expired")
	case now.Before(s.from):
		return refuse("the identity token is not valid yet")
	}
	return nil
}
