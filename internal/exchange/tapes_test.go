package exchange

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

var errFull = errors.New("the disk is full")

// tapes are what a world records on.
type tapes struct {
	unready    error
	fails      int // which flush fails, and all behind it; 0: none
	flushes    int
	rule       recording.Rule
	principals []string // who asked whether they may begin, or began
	asked      []string // what the rule was asked for
	all        []*tape
}

// record has a world record all that happens from now on.
func (w *world) record(t testing.TB) *tapes {
	t.Helper()
	ts := &tapes{rule: recording.Rule{Bodies: recording.Full}}
	d := w.engine.deps
	d.Tapes, d.Rule = ts, func(target access.Target, credentials []string) recording.Rule {
		ts.asked = append(ts.asked, fmt.Sprint(target.Host, target.Path, credentials))
		return ts.rule
	}
	var err error
	if w.engine, err = New(d); err != nil {
		t.Fatal(err)
	}
	return ts
}

func (ts *tapes) Ready(principal string) error {
	ts.principals = append(ts.principals, principal)
	return ts.unready
}

func (ts *tapes) Begin(exchange, principal string, began time.Time, _ recording.Rule) recording.Tape {
	ts.principals = append(ts.principals, principal)
	ts.all = append(ts.all, &tape{tapes: ts, exchange: exchange, began: began, tickets: map[string]string{}})
	return ts.all[len(ts.all)-1]
}

// tape keeps what happens. Pieces of a body that follow each other at one time are
// one event.
type tape struct {
	tapes    *tapes
	exchange string
	began    time.Time
	tickets  map[string]string
	events   []event
	ends     []record.End
	whole    int // flushes of all
}

type event struct {
	at     time.Duration
	kind   recording.Kind
	text   string
	masked map[string]int
}

// String is "[at ]kind text[ masked]".
func (e event) String() string {
	line := string(e.kind) + " " + e.text
	if e.at != 0 {
		line = e.at.String() + " " + line
	}
	if len(e.masked) > 0 {
		line += " " + fmt.Sprint(e.masked)
	}
	return line
}

func (t *tape) Tickets(leases map[string]string) {
	for text, lease := range leases {
		t.tickets[text] = lease
	}
}

func (t *tape) add(at time.Time, k recording.Kind, text string, masked map[string]int) {
	t.events = append(t.events, event{at.Sub(t.began), k, text, maps.Clone(masked)})
}

func (t *tape) Head(at time.Time, k recording.Kind, h recording.Head, masked map[string]int) {
	lines := text(h.Headers)
	switch k {
	case recording.Request:
		lines = h.Method + " " + h.Authority + " " + h.Path + "\n" + lines
	case recording.Response:
		lines = fmt.Sprint(h.Status) + "\n" + lines
	}
	t.add(at, k, strings.ReplaceAll(strings.TrimSpace(lines), "\n", " | "), masked)
}

func (t *tape) Piece(at time.Time, k recording.Kind, data []byte, masked map[string]int) {
	t.goOn(at, k, string(data), masked)
}

func (t *tape) goOn(at time.Time, k recording.Kind, data string, masked map[string]int) {
	if n := len(t.events); n == 0 || t.events[n-1].kind != k || t.events[n-1].at != at.Sub(t.began) {
		t.add(at, k, "", nil)
	}
	e := &t.events[len(t.events)-1]
	e.text += data
	for name, n := range masked {
		if e.masked == nil {
			e.masked = map[string]int{}
		}
		e.masked[name] += n
	}
}

// Message marks the end of each.
func (t *tape) Message(at time.Time, k recording.Kind, data []byte, binary, last bool, masked map[string]int) {
	text := string(data)
	if binary {
		text = fmt.Sprintf("%q", text)
	}
	if last {
		text += "."
	}
	t.goOn(at, k, text, masked)
}

func (t *tape) Skipped(k recording.Kind, n int64) {
	if n > 0 {
		t.goOn(t.began, k, strings.Repeat("?", int(n)), nil)
	}
}

func (t *tape) Flush(_ time.Time, all bool) error {
	t.tapes.flushes++
	if all {
		t.whole++
	}
	if t.tapes.fails > 0 && t.tapes.flushes >= t.tapes.fails {
		return errFull
	}
	return nil
}

func (t *tape) End(_ time.Time, e record.End) { t.ends = append(t.ends, e) }

// is compares what stands on the only tape.
func (ts *tapes) is(t *testing.T, want ...string) {
	t.Helper()
	if len(ts.all) != 1 {
		t.Fatalf("%d tapes", len(ts.all))
	}
	var got []string
	for _, e := range ts.all[0].events {
		got = append(got, e.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("recorded\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := len(ts.all[0].ends); n != 1 {
		t.Errorf("the tape was ended %d times", n)
	}
}
