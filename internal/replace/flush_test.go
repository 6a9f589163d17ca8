package replace

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestFlushFor(t *testing.T) {
	tests := []struct {
		contentType string
		want        Flush
	}{
		{"text/event-stream", Event},
		{"Text/Event-Stream; charset=utf-8", Event},
		{"application/x-ndjson", Line},
		{"application/jsonl;charset=utf-8", Line},
		{"application/json", None},
		{"text/event-streams", None},
		{"", None},
	}
	for _, test := range tests {
		if got := FlushFor(test.contentType); got != test.want {
			t.Errorf("%q: got %v, want %v", test.contentType, got, test.want)
		}
	}
}

func TestRelease(t *testing.T) {
	tests := []struct{ n, flushed, hold, want int }{
		{100, 0, 10, 90},
		{100, 95, 10, 95},
		{100, 100, 10, 100},
		{5, 0, 10, 0},
		{5, 3, 10, 3},
	}
	for _, test := range tests {
		if got := release(test.n, test.flushed, test.hold); got != test.want {
			t.Errorf("release(%d, %d, %d): got %d, want %d", test.n, test.flushed, test.hold, got, test.want)
		}
	}
}

// TestFlushPoints feeds a text byte by byte and looks where it comes out.
func TestFlushPoints(t *testing.T) {
	tests := []struct {
		name string
		kind Flush
		text []string // what goes at once, one after the other; the last is kept
	}{
		{"none", None, []string{"a\n\nb\r\n\r\n"}},
		{"lines", Line, []string{"a\n", "b\r\n", "\n", "\r\n", "c\rd"}},
		{"events", Event, []string{"a\n\n", "b\nc\n\n", "d\ne"}},
		{"events, CRLF", Event, []string{"a\r\n\r", "\n", "b\r\nc\r\n\r", "\n", "d"}},
		{"events, CR", Event, []string{"a\r\r", "b\rc\r\r", "d\r"}},
		{"events, mixed", Event, []string{"a\n\r", "\n", "b\r\n\n", "c\r\n\r", "\r", "\n", "\n", "d"}},
		{"an empty line first", Event, []string{"\n", "\r", "\n", "a\n"}},
	}
	set := compile(t, Secret{"k", []byte("0123456789abcdef")})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := set.NewRewriter(test.kind, nil)
			text := strings.Join(test.text, "")
			var got []string
			for i := range len(text) {
				if out := r.Append(nil, []byte(text[i:i+1]), false); len(out) > 0 {
					got = append(got, string(out))
				}
			}
			got = append(got, string(r.Append(nil, nil, true)))
			if !slices.Equal(got, test.text) {
				t.Errorf("got %q, want %q", got, test.text)
			}
		})
	}
}

// TestNothingSpansAFlushPoint: what went cannot be masked any more, so that
// even a text in one piece is masked only within the flush points. The lines of
// the value are found all the same.
func TestNothingSpansAFlushPoint(t *testing.T) {
	const value = "a line of the value\n\nanother line of it"
	tests := []struct {
		kind Flush
		want string
	}{
		{None, "-<k>-"},
		{Line, "-<k>\n\n<k>-"},
		{Event, "-<k>\n\n<k>-"},
	}
	set := compile(t, Secret{"k", []byte(value)})
	for _, test := range tests {
		r := set.NewRewriter(test.kind, label)
		if got := string(r.Append(nil, []byte("-"+value+"-"), true)); got != test.want {
			t.Errorf("%v: got %q, want %q", test.kind, got, test.want)
		}
	}
}

func TestNextTextStartsAnew(t *testing.T) {
	set := compile(t, Secret{"k", []byte("0123456789abcdef")})
	r := set.NewRewriter(Event, label)
	var out []byte
	for _, message := range []string{"x01234567", "89abcdef", "-0123456789abcdef-"} {
		out = r.Append(out, []byte(message), true)
	}
	if want := "x0123456789abcdef-<k>-"; string(out) != want {
		t.Errorf("got %q, want %q", out, want)
	}
	core := coreOf("0123456789abcdef", 0)
	out = r.Append(r.Append(nil, []byte(core), true), []byte("A"), true)
	if want := strings.Repeat("Kioq", 6)[:len(core)] + "A"; string(out) != want {
		t.Errorf("an edge in the next text: got %q, want %q", out, want)
	}
	r.Append(nil, []byte("a line"), true)
	if out = r.Append(nil, []byte("\n"), false); string(out) != "\n" {
		t.Errorf("an empty line at the beginning: got %q", out)
	}
}

// TestCutsTellNothing is an agent with an upstream that echoes: it sends texts
// and watches how much of each comes back, and when. Texts that begin like a
// value, in any form and to any length, come back in the same pieces as noise.
func TestCutsTellNothing(t *testing.T) {
	secrets := []Secret{
		{"a", []byte("ghp_16C7e42F292c6912E7710c838347Ae178B4a")},
		{"b", []byte(`p<a>&s"s'w/o rd+%\`)},
		{"c", []byte("-----BEGIN-----\nMIIEpAIBAAKCAQEA7bq0\nqZ1vXr5t3y6u8i0oPpAa\n-----END-----\n")},
	}
	set := compile(t, secrets...)
	random := rand.New(rand.NewPCG(3, 4))
	tried := 0
	for _, kind := range []Flush{None, Line, Event} {
		for _, sizes := range [][]int{{1}, {7}, {64, 1, 3}, {300}} {
			for _, f := range oracleForms(secrets) {
				if kind != None && strings.ContainsAny(f.text, "\r\n") {
					continue // its line ends are flush points; noise has none
				}
				for begun := range len(f.text) {
					guess := echo(random, f.text[:begun])
					if _, whole := set.Contains(guess); whole {
						continue // a line of the value, and more: it is masked
					}
					tried++
					noise := echo(random, strings.Repeat("~", begun))
					if got, want := cuts(set, kind, guess, sizes), cuts(set, kind, noise, sizes); !slices.Equal(got, want) {
						t.Fatalf("%q begins like a value: comes in %v, noise in %v", guess, got, want)
					}
				}
			}
		}
	}
	if tried < 10_000 {
		t.Errorf("only %d texts tried", tried)
	}
}

// echo is a text of a fixed shape around what is tried.
func echo(random *rand.Rand, tried string) string {
	rest := make([]byte, 200)
	for i := range rest {
		rest[i] = "!;:(|)^"[random.IntN(7)]
	}
	return "data: first\n\ndata: " + tried + string(rest) + "\ndata: last"
}

// cuts returns how much comes out for each piece that goes in.
func cuts(set *Set, kind Flush, text string, sizes []int) []int {
	r := set.NewRewriter(kind, label)
	var all []int
	for i := 0; len(text) > 0; i++ {
		n := min(sizes[i%len(sizes)], len(text))
		all = append(all, len(r.Append(nil, []byte(text[:n]), false)))
		text = text[n:]
	}
	return all
}
