// Command mask measures how fast package replace masks, on one thread, from 10
// to 10 000 credentials and over several kinds of text without a value, and
// prints the table. Beside it, where it is installed, stands Vectorscan, which
// only finds: it gets the same forms as literals, the same texts and the same
// chunks.
//
// Both take turns in rounds that go over the whole table, so that what disturbs
// the machine for a while meets both, and every cell is the median of its
// rounds, in the time that the scanning thread itself ran; the memory's own speed
// is measured in the same rounds. Only what stands in one table can be compared.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"cloakroom/bench/corpus"
	"cloakroom/internal/replace"
)

// options are the flags.
type options struct {
	rounds  int
	size    int // of each text, in MiB
	turn    time.Duration
	rival   string
	only    string
	profile string
	require bool
}

// sizes are the table's columns: how many credentials are masked.
var sizes = []int{10, 100, 1000, 10000}

const (
	bigChunk   = 64 << 10 // bytes, as Envoy sends a body of this size
	smallChunk = 1 << 10
)

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 9, "`turns` of each cell")
	flag.IntVar(&o.size, "size", 16, "`MiB` of each text: more than fits a core's cache")
	flag.DurationVar(&o.turn, "turn", 40*time.Millisecond, "how `long` a turn takes")
	flag.StringVar(&o.rival, "vectorscan", "", "`program` that scripts/vectorscan has built; empty: without it")
	flag.StringVar(&o.only, "only", "", "measure only texts with this `text` in their name")
	flag.StringVar(&o.profile, "cpuprofile", "", "write the CPU profile of the rounds to this `file`")
	flag.BoolVar(&o.require, "require", false, "fail if a target is missed")
	flag.Parse()
	if err := start(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench/mask:", err)
		os.Exit(1)
	}
}

func start(o options) error {
	if flag.NArg() > 0 || o.rounds < 1 || o.size < 1 {
		return errors.New("takes flags only, see -help")
	}
	dir, err := os.MkdirTemp("", "bench-mask-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	t := &table{options: o, dir: dir}
	defer t.close()
	if err := t.prepare(); err != nil {
		return err
	}
	if err := t.measure(); err != nil {
		return err
	}
	fmt.Print(t.markdown())
	if o.require {
		return t.judge()
	}
	return nil
}

// measure runs the rounds.
func (t *table) measure() error {
	if t.profile != "" {
		f, err := os.Create(t.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	for range t.rounds {
		if err := t.round(); err != nil {
			return err
		}
	}
	return nil
}

// table is everything that is measured.
type table struct {
	options
	dir     string
	compile compiling
	memory  memory
	texts   []*text // the same for all columns
	columns []*column
}

// text is a row: what is scanned, and how it is cut.
type text struct {
	name  string
	bytes []byte
	flush replace.Flush
	chunk int
	rated bool // must not be slower than Vectorscan, with -require
}

func (t *table) prepare() error {
	values := corpus.Values(sizes[len(sizes)-1])
	var err error
	if t.compile, err = measureCompile(values); err != nil {
		return err
	}
	t.prepareTexts()
	for _, n := range sizes {
		c, err := t.newColumn(values[:n])
		if err != nil {
			return err
		}
		t.columns = append(t.columns, c)
	}
	return nil
}

func (t *table) prepareTexts() {
	n := t.size << 20
	t.texts = []*text{
		{name: "JSON", bytes: corpus.JSON(n), chunk: bigChunk, rated: true},
		{name: "base64", bytes: corpus.Base64(n), chunk: bigChunk},
		{name: "random bytes", bytes: corpus.Random(n), chunk: bigChunk},
		{name: "full of escapes", bytes: corpus.Escapes(n), chunk: bigChunk},
		{name: "server-sent events", bytes: corpus.Events(n), chunk: bigChunk, flush: replace.Event},
		{name: "NDJSON", bytes: corpus.Lines(n), chunk: bigChunk, flush: replace.Line},
	}
	small := *t.texts[0]
	small.name, small.chunk, small.rated = "JSON in chunks of 1 KiB", smallChunk, false
	t.texts = append(t.texts, &small)
}

func (t *table) close() {
	for _, c := range t.columns {
		c.rival.close()
	}
}
