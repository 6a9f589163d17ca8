package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/replace"
)

// column is what is measured of one number of credentials.
type column struct {
	set   *replace.Set
	rival *vectorscan // nil: not installed
	cells []*cell
}

// cell is one text with one number of credentials; MB/s of every round.
type cell struct {
	text   *text
	index  int // of the text, as the rival counts
	ours   []float64
	theirs []float64
	allocs float64 // a chunk
}

// newColumn compiles the values for both, and makes sure that both find them.
func (t *table) newColumn(values [][]byte) (*column, error) {
	set, err := replace.Compile(secrets(values))
	if err != nil {
		return nil, err
	}
	c := &column{set: set}
	patterns := forms(values)
	whole := &text{name: "whole", bytes: join(patterns, 0), chunk: bigChunk}
	texts := append([]*text{whole}, t.texts...)
	texts = append(texts, worstTexts(patterns, values, t.size<<20)...)
	for i, x := range texts {
		if x != whole && strings.Contains(x.name, t.only) {
			c.cells = append(c.cells, &cell{text: x, index: i})
		}
	}
	if c.rival, err = t.startRival(patterns, texts); err != nil {
		return nil, err
	}
	return c, c.prove(whole, len(values), len(patterns))
}

// prove has both scan a text in which every form stands, and the measured texts
// in which none does.
func (c *column) prove(whole *text, values, patterns int) error {
	r := c.set.NewRewriter(replace.None, nil)
	r.Append(nil, whole.bytes, true)
	if n := len(r.Hits()); n != values {
		return fmt.Errorf("of %d credentials, %d were masked", values, n)
	}
	if _, n, err := c.rival.scan(0, bigChunk, 0); err != nil || c.rival != nil && n < patterns {
		return fmt.Errorf("of %d forms, Vectorscan found %d: %w", patterns, n, err)
	}
	for _, x := range c.cells {
		r := c.set.NewRewriter(x.text.flush, nil)
		r.Append(make([]byte, 0, 2*len(x.text.bytes)), x.text.bytes, true)
		if hits := r.Hits(); hits != nil {
			return fmt.Errorf("in %q, values were masked that are not there: %v", x.text.name, hits)
		}
		x.allocs = c.allocations(x.text)
	}
	return nil
}

// allocations returns how often memory is allocated for a chunk of a text that
// has gone on for a while.
func (c *column) allocations(x *text) float64 {
	s := c.newStream(x)
	for range 64 {
		s.next()
	}
	return testing.AllocsPerRun(100, s.next)
}

// stream is a text without an end, on its way through a Rewriter.
type stream struct {
	text *text
	r    *replace.Rewriter
	dst  []byte
	at   int
}

func (c *column) newStream(x *text) *stream {
	return &stream{text: x, r: c.set.NewRewriter(x.flush, nil), dst: make([]byte, 0, x.chunk+2*c.set.Longest())}
}

// next passes one chunk on.
func (s *stream) next() {
	if s.at+s.text.chunk > len(s.text.bytes) {
		s.at = 0
	}
	s.dst = s.r.Append(s.dst[:0], s.text.bytes[s.at:s.at+s.text.chunk], false)
	s.at += s.text.chunk
}

// turn scans for about so long, and returns MB/s. The clock is read once in a
// while: it is slow beside a small chunk.
func (c *column) turn(x *text, long time.Duration) float64 {
	s := c.newStream(x)
	return speed(pause, long, func() {
		for range pause / x.chunk {
			s.next()
		}
	})
}

// round has both scan each text once; which is first alternates.
func (t *table) round() error {
	t.memory.round(t.texts[0].bytes, t.turn)
	for _, c := range t.columns {
		for _, x := range c.cells {
			theirs, _, err := 0.0, 0, error(nil)
			if first := len(x.ours)%2 == 1; first {
				theirs, _, err = c.rival.scan(x.index, x.text.chunk, t.turn)
				x.ours = append(x.ours, c.turn(x.text, t.turn))
			} else {
				x.ours = append(x.ours, c.turn(x.text, t.turn))
				theirs, _, err = c.rival.scan(x.index, x.text.chunk, t.turn)
			}
			if err != nil {
				return err
			}
			x.theirs = append(x.theirs, theirs)
		}
	}
	return nil
}
