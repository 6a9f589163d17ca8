package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report prints the table and keeps it. A ratio is the median of the rounds'
// own: what disturbed the machine for a while met both turns of a round.
func report(o options, base, full *side) error {
	var b strings.Builder
	row := func(name, form string, of func(turn) float64) float64 {
		var x, y, ratios []float64
		for i := range base.turns {
			x, y = append(x, of(base.turns[i])), append(y, of(full.turns[i]))
			ratios = append(ratios, y[i]/x[i])
		}
		ratio := median(ratios) // sorts
		fmt.Fprintf(&b, "| %s | "+form+" | "+form+" | %.2f (%.2f to %.2f) |\n", name, median(x), median(y),
			ratio, ratios[0], ratios[len(ratios)-1])
		return ratio
	}
	fmt.Fprintf(&b, "| 1 KiB JSON, %d connections | no-op services | Cloakroom, everything on | ratio (of the rounds) |\n| --- | --- | --- | --- |\n", o.connections)
	ratio := row("requests/s", "%.0f", func(t turn) float64 { return t.perSecond })
	row("p50, ms", "%.2f", func(t turn) float64 { return t.p50 })
	row("p99, ms", "%.2f", func(t turn) float64 { return t.p99 })
	row("CPU µs a request, Envoy", "%.0f", func(t turn) float64 { return t.envoyCPU })
	row("CPU µs a request, service", "%.0f", func(t turn) float64 { return t.serviceCPU })
	slices.Sort(full.syncs)
	at := func(q float64) float64 {
		return float64(full.syncs[int(q*float64(len(full.syncs)-1))].Microseconds()) / 1000
	}
	fmt.Fprintf(&b, "\nMedians of %d rounds of %d requests to each side, in alternation; %d cores shared by load, Envoy, service and upstream;\n"+
		"%d credentials in the mask; the disk's fsync beside it took %.2f ms (p50), %.2f ms (p99).\n",
		len(full.turns), o.requests, runtime.NumCPU(), o.credentials, at(0.5), at(0.99))
	fmt.Print(b.String())
	name := filepath.Join(o.dir, time.Now().UTC().Format("2006-01-02T150405Z")+".md")
	if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
		return err
	}
	if ratio < o.require {
		return fmt.Errorf("the ratio of requests/s is %.2f, and %.2f is required", ratio, o.require)
	}
	return nil
}

// median sorts all.
func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
