package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
)

// eventually waits until something is so; the deadline only tells it from never.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// works tells whether the store answers within a second.
func works(d *DB) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return d.Mark(ctx, leasetest.Epoch) == nil
}

// A server that is down is an error, and one that is up again is found.
func TestAnOutage(t *testing.T) {
	s := openFragile(t)
	d := openAt(t, s.Database(t), "log")
	r := insert(t, d, row(t))
	for name, end := range map[string]func(){"stopped": s.Stop, "killed": s.Kill} {
		t.Run(name, func(t *testing.T) {
			end()
			for range connections + 1 { // whatever the pool still has
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				if _, err := d.Insert(ctx, row(t), 0); err == nil {
					t.Error("inserted")
				}
				if _, _, err := d.Changes(ctx, 0, 1000); err == nil {
					t.Error("read")
				}
				if ctx.Err() != nil {
					t.Error("the error came no sooner than the deadline")
				}
				cancel()
			}
			s.Start(t)
			eventually(t, "the store answers again", func() bool { return works(d) })
			if got, err := d.ByID(t.Context(), r.ID); err != nil || got.MAC != r.MAC {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// What was acknowledged is there after a crash, though the database's default
// is not to wait for the disk.
func TestACrashLosesNothing(t *testing.T) {
	s := openFragile(t)
	url := s.Database(t)
	stores := []*DB{openAt(t, url, "a"), openAt(t, url, "b")}
	for range 2 {
		var wg sync.WaitGroup
		var acknowledged sync.Map
		var n atomic.Int64
		for w := range 4 {
			wg.Go(func() {
				for {
					r := row(t)
					change, err := stores[w%2].Insert(t.Context(), r, 0)
					if err != nil {
						return
					}
					acknowledged.Store(r.ID, change)
					n.Add(1)
				}
			})
		}
		eventually(t, "some leases are written", func() bool { return n.Load() > 100 })
		s.Kill()
		wg.Wait()
		s.Start(t)
		eventually(t, "the stores answer again", func() bool { return works(stores[0]) && works(stores[1]) })
		acknowledged.Range(func(id, change any) bool {
			got, err := stores[0].ByID(t.Context(), id.(string))
			if err != nil || got.Change != change {
				t.Errorf("lease %s of change %d: got change %d, %v", id, change, got.Change, err)
			}
			return true
		})
	}
}

// A network that swallows everything ends no call later than its context.
func TestADeadNetwork(t *testing.T) {
	p := newProxy(t)
	d := openAt(t, p.url("disable"), "log")
	insert(t, d, row(t))
	p.dead.Store(true)
	for range connections + 1 {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, err := d.Insert(ctx, row(t), 0)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		cancel()
	}
	p.revive()
	eventually(t, "the store answers again", func() bool { return works(d) })
}

// A replica that stops in the middle of a write keeps nobody waiting for ever.
func TestAReplicaThatStopsInTheMiddle(t *testing.T) {
	d := open(t)
	tx, err := d.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if _, err := tx.Exec(t.Context(), "SELECT pg_advisory_xact_lock($1)", int64(leasing)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := d.Insert(ctx, row(t), 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	eventually(t, "the server ends the idle transaction", func() bool {
		_, err := d.Insert(t.Context(), row(t), 0)
		return err == nil
	})
}

// proxy is a way to the server by TCP that can swallow what goes through it.
type proxy struct {
	address, database string
	dead              atomic.Bool
	lost              sync.Map // connections on which something was swallowed
}

// revive lets the proxy work again, and ends what cannot go on, as the kernel
// does with what is not acknowledged.
func (p *proxy) revive() {
	p.dead.Store(false)
	p.lost.Range(func(c, _ any) bool {
		c.(net.Conn).Close()
		return true
	})
}

func newProxy(t *testing.T) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &proxy{address: l.Addr().String(), database: open(t).pool.Config().ConnConfig.Database}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go p.join(client)
		}
	}()
	return p
}

func (p *proxy) url(sslmode string) string {
	return fmt.Sprintf("postgres://cloakroom@%s/%s?sslmode=%s", p.address, p.database, sslmode)
}

func (p *proxy) join(client net.Conn) {
	defer client.Close()
	upstream, err := net.Dial("unix", filepath.Join(server.Dir(), ".s.PGSQL.5432"))
	if err != nil {
		return
	}
	defer upstream.Close()
	go func() {
		defer client.Close()
		io.Copy(swallowing{client, p}, upstream)
	}()
	io.Copy(swallowing{upstream, p}, client)
}

type swallowing struct {
	net.Conn
	p *proxy
}

func (s swallowing) Write(b []byte) (int, error) {
	if s.p.dead.Load() {
		s.p.lost.Store(s.Conn, nil)
		return len(b), nil
	}
	return s.Conn.Write(b)
}

var _ lease.Store = (*replicas)(nil)

// A store that listens meets no connection from before an outage: calls that follow
// it, as close as can be, do not fail.
func TestTheFirstCallsAfterAnOutage(t *testing.T) {
	s := openFragile(t)
	d := openAt(t, s.Database(t), "log")
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	listens := make(chan struct{}, 10)
	watching.Go(func() { d.Watch(ctx, func() { listens <- struct{}{} }) })
	<-listens
	all := func() (failed error) {
		errs := make(chan error, connections)
		for range connections {
			go func() {
				_, err := d.pool.Exec(t.Context(), "SELECT pg_sleep(0.05)") // so that each has a connection
				errs <- err
			}()
		}
		for range connections {
			failed = errors.Join(failed, <-errs)
		}
		return failed
	}
	if err := all(); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	s.Start(t)
	if err := all(); err != nil {
		t.Error(err)
	}
}
