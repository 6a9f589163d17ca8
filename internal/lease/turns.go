package lease

import (
	"context"
	"sync"
)

// turns let one at a time do something under one name. The zero value is ready.
type turns struct {
	mu sync.Mutex
	of map[string]*turn
}

type turn struct {
	busy chan struct{} // holds one while it is somebody's turn
	n    int           // who wait, or have it
}

// take waits for the turn under the name, until ctx ends.
func (t *turns) take(ctx context.Context, name string) (done func(), err error) {
	x := t.join(name)
	select {
	case x.busy <- struct{}{}:
		return func() { <-x.busy; t.leave(name, x) }, nil
	case <-ctx.Done():
		t.leave(name, x)
		return nil, ctx.Err()
	}
}

func (t *turns) join(name string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.of[name]
	if x == nil {
		if t.of == nil {
			t.of = make(map[string]*turn)
		}
		x = &turn{busy: make(chan struct{}, 1)}
		t.of[name] = x
	}
	x.n++
	return x
}

func (t *turns) leave(name string, x *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if x.n--; x.n == 0 {
		delete(t.of, name)
	}
}
