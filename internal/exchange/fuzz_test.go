package exchange

import (
	"strings"
	"testing"

	"cloakroom/internal/access"
)

// FuzzOrder takes the steps of an exchange in any order. No order puts a value
// in without a head that was granted, and none lets one come down.
func FuzzOrder(f *testing.F) {
	for _, seed := range []string{"", "gh5e", "gh67E", "ghdt", "uh5", "he", "ggh", "g5", "gH", "gz5e", "ghee5", "ghtt", "rgh5e", "wjffe", "wh5e", "wj5", "gjf"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		w := newWorld(t)
		x := w.begin()
		s := sequence{w: w, x: x}
		for _, b := range script[:min(len(script), 64)] {
			before := x.phase
			s.step(t, b)
			if x.phase < before {
				t.Fatalf("step %q went back from %d to %d", b, before, x.phase)
			}
		}
		done := x.Complete()
		x.End(nil)
		x.End(errCut)
		for name, v := range values {
			if strings.Contains(string(s.down), v) {
				t.Fatalf("the value of %s came down: %q", name, s.down)
			}
		}
		if s.put > 1 || s.put == 0 && len(x.entry.substituted) > 0 {
			t.Fatalf("%d heads went up, %v substituted", s.put, x.entry.substituted)
		}
		if done && !s.over {
			t.Fatalf("complete after %q", script)
		}
		if len(w.entries)+len(w.counted) > 1 {
			t.Fatalf("ended with %v and %v", w.entries, w.counted)
		}
	})
}

// sequence is an exchange under way, and what came of it.
type sequence struct {
	w    *world
	x    *Exchange
	down []byte
	put  int  // heads that went up
	over bool // a step said that nothing can follow
}

func (s *sequence) step(t *testing.T, b byte) {
	v := values["plain"]
	switch b {
	case 'g', 'u', 'r', 'w': // granted, ungranted, under a lease that was revoked, for a WebSocket
		h := head("/x?key="+named("slashed"), "authorization", "Bearer "+named("plain"))
		if b == 'w' {
			h.Headers = append(h.Headers, access.Header{Name: "upgrade", Value: "websocket"})
		}
		if b != 'u' {
			h = s.w.granted(t, h, use(t, "plain", "header:authorization"), use(t, "slashed", "query:key"))
		}
		delete(s.w.stands, "lease-plain")
		if b == 'r' {
			s.w.stands["lease-plain"] = Over
		}
		s.requestHead(t, h, b == 'g' || b == 'w')
	case 'h', 'H', 'z', 'j':
		status := 200
		lines := head("", "x", v, "content-type", "text/event-stream").Headers
		if b == 'z' {
			lines = head("", "content-encoding", "x-new").Headers
		}
		if b == 'j' {
			status, lines = 101, head("", "upgrade", "websocket", "x", v).Headers
		}
		change, refused, err := s.x.ResponseHead(ResponseHead{Status: status, Headers: lines, End: b == 'H'})
		s.over = s.over || refused != nil || err == nil && b == 'H'
		if err == nil && refused == nil {
			s.lines(change, lines)
		}
	case '5', '6', '7', 'd', 'e', 'E', 'f', 'c':
		piece := map[byte]string{'f': "\x81" + string(rune(len(v))) + v, 'c': "\x88\x00", '5': "x " + v + "\n\n", '6': v[:9], '7': v[9:], 'd': "data", 'E': v}[b]
		out, err := s.x.ResponseBody(nil, []byte(piece), b == 'e' || b == 'E')
		s.down = append(s.down, out...)
		s.over = s.over || err == nil && (b == 'e' || b == 'E' || b == 'c')
	case 't':
		lines := head("", "x", v).Headers
		out, change, err := s.x.ResponseTrailers(nil, lines)
		s.down = append(s.down, out...)
		s.over = s.over || err == nil
		if err == nil && s.x.phase != refused {
			s.lines(change, lines)
		}
	}
}

func (s *sequence) requestHead(t *testing.T, h RequestHead, good bool) {
	change, refused, err := s.x.RequestHead(h)
	s.over = s.over || refused != nil
	if err == nil && refused == nil {
		s.put++
		if !good {
			t.Fatal("a head without a grant or a live lease went up")
		}
		return
	}
	if len(change.Set) != 0 || change.Path != "" {
		t.Fatalf("a refused head was changed: %v", change)
	}
}

func (s *sequence) lines(c Change, lines []access.Header) {
	for _, line := range apply(c, lines) {
		s.down = append(s.down, line.Name+line.Value...)
	}
}
