package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// What must hold with -require, beside the ratio of MB/s.
const (
	eventTarget  = 1.0 // ms that an event may be longer on its way
	memoryTarget = 32  // MiB above idle
)

// report prints the tables and keeps them.
func (b *bodies) report(o options) error {
	var text strings.Builder
	text.WriteString("| through Envoy | no-op services | Cloakroom | of the rounds |\n| --- | --- | --- | --- |\n")
	var errs []error
	for _, r := range b.rows {
		fmt.Fprintf(&text, "| %s | "+r.form+" | "+r.form+" | %s |\n", r.name, median(slices.Clone(r.results[0])), median(slices.Clone(r.results[1])), r.compare())
		errs = append(errs, r.judge(o))
	}
	text.WriteString("\n| resident at most, MiB: Envoy, service | no-op services | Cloakroom | the client got |\n| --- | --- | --- | --- |\n")
	fmt.Fprintf(&text, "| idle | %.0f, %.0f | %.0f, %.0f | |\n", b.idle[0].envoy, b.idle[0].service, b.idle[1].envoy, b.idle[1].service)
	for _, f := range b.flows {
		fmt.Fprintf(&text, "| %s | %.0f, %.0f | %.0f, %.0f | %s |\n", f.name, f.most[0].envoy, f.most[0].service, f.most[1].envoy, f.most[1].service, f.came[1])
		if above := f.most[1].service - b.idle[1].service; f.flat && above > memoryTarget {
			errs = append(errs, fmt.Errorf("%s: %.0f MiB above idle, and at most %d are allowed", f.name, above, memoryTarget))
		}
	}
	if c := b.crowds; c[1].open.service > 0 {
		fmt.Fprintf(&text, "| %d %s | %s | %s | an event reached all in %.2f s (no-op: %.2f s) |\n", o.streams, crowdName,
			c[0].format(o.streams), c[1].format(o.streams), c[1].reaching, c[0].reaching)
	}
	fmt.Fprintf(&text, "\nMedians of %d rounds, both sides in turns; bodies over %d connections; %d cores shared by load, Envoy, service and upstream; %d credentials in the mask.\n",
		o.rounds, o.connections, runtime.NumCPU(), o.credentials)
	fmt.Print(text.String())
	name := filepath.Join(o.dir, time.Now().UTC().Format("bodies-2006-01-02T150405Z")+".md")
	if err := os.WriteFile(name, []byte(text.String()), 0o644); err != nil {
		return err
	}
	if o.require > 0 {
		return errors.Join(errs...)
	}
	return nil
}

func (c crowd) format(streams int) string {
	each := func(before, open float64) float64 { return (open - before) * 1024 / float64(streams) }
	return fmt.Sprintf("%.0f, %.0f (%.0f, %.0f KiB a stream)", c.open.envoy, c.open.service,
		each(c.before.envoy, c.open.envoy), each(c.before.service, c.open.service))
}

// compare says how the sides differ: by the difference, or by the ratio; the
// median of the rounds' own, and how far they are apart.
func (r *row) compare() string {
	all := r.compared()
	middle := median(all) // sorts
	if r.difference {
		return fmt.Sprintf("%+.3f (%+.3f to %+.3f)", middle, all[0], all[len(all)-1])
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", middle, all[0], all[len(all)-1])
}

func (r *row) compared() (all []float64) {
	for i, base := range r.results[0] {
		if full := r.results[1][i]; r.difference {
			all = append(all, full-base)
		} else {
			all = append(all, full/base)
		}
	}
	return all
}

func (r *row) judge(o options) error {
	got := median(r.compared())
	switch {
	case r.difference && got > eventTarget:
		return fmt.Errorf("%s: %.3f more than without, and %.3f are allowed", r.name, got, eventTarget)
	case !r.difference && got < o.require:
		return fmt.Errorf("%s: a ratio of %.2f, and %.2f is required", r.name, got, o.require)
	}
	return nil
}
