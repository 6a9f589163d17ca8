package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"cloakroom/internal/store/postgrestest"
)

// modes are how a service may record, the one that others are compared with
// first.
var modes = []string{"off", "relaxed", "strict"}

// recorder is a service that records in one of the modes.
type recorder struct {
	*side
	mode, dir string
	exchanges int // since it started, warming up and proof included
}

// measureRecordings lets services that record in each mode take turns, on one
// store after the other.
func measureRecordings(ctx context.Context, o options, bin, dir, upstream string) error {
	var b strings.Builder
	b.WriteString("| store | recording | requests/s | of off | added p50, ms | added p99, ms | bytes an exchange: log | recording | store |\n" +
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	server, err := postgrestest.Open()
	if err != nil {
		return err
	}
	defer server.Close()
	for _, store := range []string{"SQLite", "PostgreSQL"} {
		folder := filepath.Join(dir, store)
		create := func() (string, error) { return "", nil }
		if store == "PostgreSQL" {
			create = server.Create
		}
		if err := measureStore(ctx, o, bin, folder, upstream, create, func(rs []*recorder) {
			reportStore(&b, store, rs)
		}); err != nil {
			return fmt.Errorf("%s: %w", store, err)
		}
	}
	fmt.Fprintf(&b, "\nMedians of %d rounds of %d requests to each, in turn; 1 KiB JSON, %d connections; %d cores shared by load, Envoy, service, upstream and database.\n",
		o.rounds, o.requests, o.connections, runtime.NumCPU())
	fmt.Print(b.String())
	name := filepath.Join(o.dir, "recordings-"+time.Now().UTC().Format("2006-01-02T150405Z")+".md")
	return os.WriteFile(name, []byte(b.String()), 0o644)
}

// measureStore measures the modes on one kind of store; create makes an empty
// one and returns its URL.
func measureStore(ctx context.Context, o options, bin, dir, upstream string, create func() (string, error), report func([]*recorder)) error {
	var all []*recorder
	var sides []*side
	for _, mode := range modes {
		url, err := create()
		if err != nil {
			return err
		}
		r := &recorder{mode: mode, dir: filepath.Join(dir, mode), exchanges: (o.rounds+1)*o.requests + 1}
		if err := os.MkdirAll(r.dir, 0o700); err != nil {
			return err
		}
		if r.side, err = startService(ctx, o, bin, state{dir: r.dir, store: url, record: ", mode: " + mode}, upstream); err != nil {
			return err
		}
		defer r.close()
		r.name = mode
		all, sides = append(all, r), append(sides, r.side)
	}
	if err := takeTurns(ctx, o, dir, sides...); err != nil {
		return err
	}
	report(all)
	return nil
}

// reportStore writes a row for each mode. Ratios and differences are the medians
// of the rounds' own.
func reportStore(b *strings.Builder, store string, all []*recorder) {
	base := all[0].turns
	for _, r := range all {
		var perSecond, ratios, p50, p99 []float64
		for i, t := range r.turns {
			perSecond = append(perSecond, t.perSecond)
			ratios = append(ratios, t.perSecond/base[i].perSecond)
			p50, p99 = append(p50, t.p50-base[i].p50), append(p99, t.p99-base[i].p99)
		}
		each := func(paths ...string) int64 {
			var n int64
			for _, path := range paths {
				n += size(path)
			}
			return n / int64(r.exchanges)
		}
		log, packs := filepath.Join(r.dir, "state", "log"), filepath.Join(r.dir, "state", "log", "packs")
		kept := "" // a database keeps what several have
		if store == "SQLite" {
			kept = fmt.Sprint(each(filepath.Join(r.dir, "state")) - each(log))
		}
		fmt.Fprintf(b, "| %s | %s | %.0f | %.2f | %.2f | %.2f | %d | %d | %s |\n", store, r.mode, median(perSecond), median(ratios),
			median(p50), median(p99), each(log)-each(packs), each(packs), kept)
	}
}

// size is how many bytes the files in a folder have.
func size(dir string) (n int64) {
	// what cannot be read was removed meanwhile
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	return n
}
