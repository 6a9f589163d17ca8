package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// What must hold with -require: MB/s of JSON by the column, and the compiling
// of most credentials.
var targets = map[int]float64{1000: 3000, 10000: 1500}

const (
	compileTime   = time.Second
	compileMemory = 64 << 20
)

// markdown is the table, as it stands in the README.
func (t *table) markdown() string {
	var b strings.Builder
	rival := t.columns[0].rival
	what, name := "MB/s", "Vectorscan is not installed here (scripts/vectorscan)"
	if rival != nil {
		what, name = "MB/s, Cloakroom / Vectorscan", "Vectorscan "+rival.version+" in streaming mode, which only finds"
	}
	fmt.Fprintf(&b, "| %s | 10 | 100 | 1 000 | 10 000 credentials |\n| --- | --- | --- | --- | --- |\n", what)
	for row := range t.columns[0].cells {
		fmt.Fprintf(&b, "| %s |", t.columns[0].cells[row].text.name)
		for _, c := range t.columns {
			x := c.cells[row]
			if fmt.Fprintf(&b, " %.0f", median(x.ours)); rival != nil {
				fmt.Fprintf(&b, " / %.0f", median(x.theirs))
			}
			b.WriteString(" |")
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\nOne thread; medians of %d rounds of %v each, both in turns; chunks of 64 KiB, texts of %d MiB without a value;\n%s.\n",
		t.rounds, t.options.turn, t.size, name)
	fmt.Fprintf(&b, "The memory in the same rounds: %.0f MB/s reading each byte once, %.0f copying to a buffer of a chunk.\n",
		median(t.memory.read), median(t.memory.copied))
	fmt.Fprintf(&b, "Compiling %d credentials: %.2f s, %.0f MB kept, %.0f MB at most", t.compile.values, t.compile.took.Seconds(),
		float64(t.compile.kept)/1e6, float64(t.compile.most)/1e6)
	if last := t.columns[len(t.columns)-1].rival; last != nil {
		fmt.Fprintf(&b, " (Vectorscan: %.2f s, %.0f MB kept)", last.took, float64(last.memory)/1e6)
	}
	fmt.Fprintf(&b, "; %.0f allocations a chunk; %s/%s.\n", t.allocations(), runtime.GOOS, runtime.GOARCH)
	return b.String()
}

// allocations is the most of any cell.
func (t *table) allocations() (most float64) {
	for _, c := range t.columns {
		for _, x := range c.cells {
			most = max(most, x.allocs)
		}
	}
	return most
}

// judge says which targets were missed.
func (t *table) judge() error {
	var errs []error
	miss := func(missed bool, format string, args ...any) {
		if missed {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	for i, c := range t.columns {
		for _, x := range c.cells {
			ours, theirs := median(x.ours), median(x.theirs)
			least, ok := targets[sizes[i]]
			miss(ok && x.text.name == "JSON" && ours < least, "%s at %d: %.0f MB/s, and %.0f are required", x.text.name, sizes[i], ours, least)
			miss(x.text.rated && ours < theirs, "%s at %d: %.0f MB/s, and Vectorscan has %.0f", x.text.name, sizes[i], ours, theirs)
		}
	}
	miss(t.compile.took > compileTime, "compiling took %v, and at most %v is allowed", t.compile.took, compileTime)
	miss(t.compile.most > compileMemory, "compiling took %d bytes, and at most %d are allowed", t.compile.most, compileMemory)
	miss(t.allocations() > 0, "%.0f allocations a chunk, and none is allowed", t.allocations())
	return errors.Join(errs...)
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
