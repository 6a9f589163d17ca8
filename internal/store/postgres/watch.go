package postgres

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// Between two attempts to listen: twice as long after each, and some chance in
// it, so that replicas do not come all at once.
const (
	shortest = 50 * time.Millisecond
	longest  = time.Second
)

// Watch implements lease.Store: it listens on a connection of its own. It calls
// changed after each time that it begins to listen too, since what was told
// before is lost.
func (d *DB) Watch(ctx context.Context, changed func()) {
	wait := shortest
	for {
		if d.listen(ctx, changed) {
			wait = shortest
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait/2 + rand.N(wait/2)):
			wait = min(2*wait, longest)
		}
	}
}

// listen calls changed until the connection is lost or ctx ends; false: it did
// not come to be.
func (d *DB) listen(ctx context.Context, changed func()) bool {
	c, err := pgx.ConnectConfig(ctx, d.pool.Config().ConnConfig)
	if err != nil {
		return false
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout)
		defer cancel()
		c.Close(ending)
	}()
	if _, err := c.Exec(ctx, "LISTEN lease"); err != nil {
		return false
	}
	for err == nil {
		changed()
		_, err = c.WaitForNotification(ctx)
	}
	// Where the server went away, the pool's connections are dead as well, and each
	// would fail the call that takes it.
	d.pool.Reset()
	return true
}
