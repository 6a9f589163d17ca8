// Command bench measures what Cloakroom costs: requests through Envoy with
// everything on (an OIDC token, policy, lease, substitution, masks, durable
// record), against the same Envoy with an ext_authz and an ext_proc service
// that do nothing.
//
// Both sides run at the same time and take turns, so that whatever else the
// machine does meets both; only the ratio within one run means anything. It
// deliberately measures one size and one number of connections, and prints the
// table as it stands in the README.
//
// With -recordings it measures what recording costs: the service with recording
// strict, relaxed and off, on either store.
//
// With -bodies it measures what takes time or memory by its length or its
// number instead: bodies of several sizes, server-sent events, 1 GiB either way,
// thousands of open streams, and answers that mean harm.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	rounds, requests, connections, credentials int

	bodies, recordings  bool
	streams             int
	only                string
	require             float64
	profile, dir, child string
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 7, "`turns` of each side that count")
	flag.IntVar(&o.requests, "requests", 10000, "requests in one turn")
	flag.IntVar(&o.connections, "connections", 32, "connections at once")
	flag.IntVar(&o.credentials, "credentials", 20, "credentials in the inventory, all of which are masked")
	flag.BoolVar(&o.bodies, "bodies", false, "measure bodies, events and memory instead of requests/s")
	flag.BoolVar(&o.recordings, "recordings", false, "measure recording instead: strict, relaxed and off, on both stores")
	flag.IntVar(&o.streams, "streams", 10000, "event streams that are open at once, with -bodies")
	flag.StringVar(&o.only, "only", "", "with -bodies, measure only what has this `text` in its name")
	flag.Float64Var(&o.require, "require", 0, "fail below this `ratio` of requests/s, or with -bodies of MB/s (and then above the other targets)")
	flag.StringVar(&o.profile, "cpuprofile", "", "write the service's CPU profile to this `file`")
	flag.StringVar(&o.dir, "dir", "bench/results", "`folder` for results, and for the log: it must be on the disk to be measured")
	flag.StringVar(&o.child, "child", "", "what this process is in a run; for bench's own use")
	flag.Parse()
	if o.child != "" { // ends by the signal itself
		fmt.Fprintln(os.Stderr, "bench:", child(o.child, flag.Arg(0)))
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := start(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// child serves until the process is ended.
func child(what, socket string) error {
	switch what {
	case "upstream":
		return serveUpstream()
	case "origin":
		return serveOrigin()
	case "noop":
		return serveNoop(socket)
	}
	return fmt.Errorf("no such child: %q", what)
}

// start makes the folder of one run, and removes it at its end.
func start(ctx context.Context, o options) error {
	if flag.NArg() > 0 {
		return errors.New("takes flags only, see -help")
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "run-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	return bench(ctx, o, dir)
}

// bench starts both sides, lets them take turns, and reports.
func bench(ctx context.Context, o options, dir string) error {
	upstream, address, err := startUpstream(ctx, o)
	if err != nil {
		return err
	}
	defer upstream.end()
	bin, err := buildService(ctx, dir)
	if err != nil {
		return err
	}
	if o.recordings {
		return measureRecordings(ctx, o, bin, dir, address)
	}
	base, err := startBaseline(ctx, o, address)
	if err != nil {
		return err
	}
	defer base.close()
	full, err := startService(ctx, o, bin, state{dir: dir}, address)
	if err != nil {
		return err
	}
	defer full.close()
	if o.bodies {
		return measureBodies(ctx, o, base, full)
	}
	if err := takeTurns(ctx, o, dir, base, full); err != nil {
		return err
	}
	return report(o, base, full)
}

// takeTurns runs a turn of each side to warm up, and then the rounds, every
// second one in the other order.
func takeTurns(ctx context.Context, o options, dir string, sides ...*side) error {
	last := sides[len(sides)-1]
	for round := -1; round < o.rounds; round++ {
		slices.Reverse(sides)
		for _, s := range sides {
			t, err := s.turn(ctx, s.load("/v1/items?page=2", len(answer), o.connections, o.requests))
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			if round < 0 {
				continue
			}
			s.turns = append(s.turns, t)
			fmt.Fprintf(os.Stderr, "round %d: %-10s %6.0f requests/s, p50 %.2f ms, p99 %.2f ms\n",
				round+1, s.name, t.perSecond, t.p50, t.p99)
		}
		took, err := syncTime(dir)
		if err != nil {
			return err
		}
		last.syncs = append(last.syncs, took...)
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}
