package recording

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"cloakroom/internal/record"
)

const (
	namedText = "ckr_github-read_zzzzzzzzzzzzzzzzzzzzzzzzzz"
	ticketOne = "ckr_github-read_0123456789abcdefghjkmnpqrs"
	ticketTwo = "ckr_x_aaaaabbbbbcccccdddddeeeeef"
	jwt       = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl-_"
)

func testScrubber() scrubber {
	return scrubber{key: [32]byte{9}, named: func(s string) bool { return s == namedText }, leases: map[string]string{ticketOne: "L1"}}
}

// whole is a second way to scrub a text: at once, run by run.
func whole(c scrubber, text string) string {
	var out strings.Builder
	for len(text) > 0 {
		end := strings.IndexFunc(text, func(r rune) bool { return r < 0x80 && bounds(byte(r)) || r >= 0x80 })
		run, rest := text, ""
		if end == 0 {
			run, rest = text[:1], text[1:]
		} else if end > 0 {
			run, rest = text[:end], text[end:]
		}
		text = rest
		at := 0
		for _, s := range record.Strays(run, c.named) {
			out.WriteString(run[at:s.Start] + c.mark(s))
			at = s.End
		}
		out.WriteString(run[at:])
	}
	return out.String()
}

// cut feeds the text in pieces, and returns what the events have together.
func cut(c scrubber, text []byte, sizes []int) string {
	var s stream
	events := map[int][]byte{}
	out := func(event int, text []byte) { events[event] = append(events[event], text...) }
	n := 0
	for ; len(text) > 0; n++ {
		size := len(text)
		if n < len(sizes) {
			size = min(size, sizes[n])
		}
		s.feed(&c, n, text[:size], out)
		text = text[size:]
	}
	s.settle(&c, out)
	var all []byte
	for i := range n {
		all = append(all, events[i]...)
	}
	return string(all)
}

func FuzzCutting(f *testing.F) {
	for _, s := range []string{
		"plain text", namedText, ticketOne, "a " + ticketTwo + "\"," + jwt, "x" + jwt + "." + ticketOne,
		strings.ReplaceAll(jwt, ".", "%2E"), "ckr%5Fx%255Faaaaabbbbbcccccdddddeeeeef", `{"a":"ckr\u005fx_aaaaabbbbbcccccdddddeeeee\u0066","\u00e9\n":"\u0065` + jwt[1:] + `"}`, `{"key":"check","n":"network"}`,
		ticketOne + ticketOne, "CKR_A_0123456789ABCDEF0", "ckr_eyJhbGciOiJSUzI1NiJ9.x_0123456789abcdef01",
		"ckr_a_0123456789eyJhbGciOiJSUzI1NiJ9.xyz", "\xff" + jwt + "\xc3", "eyJ eyJ.eyJ " + jwt[:30],
	} {
		f.Add([]byte(s), []byte{1, 2, 3, 5, 8})
		f.Add([]byte(s), bytes.Repeat([]byte{1}, 64))
	}
	f.Fuzz(func(t *testing.T, text, cuts []byte) {
		text = text[:min(len(text), runMax-1)] // a longer run is not held whole
		sizes := make([]int, len(cuts))
		for i, c := range cuts {
			sizes[i] = int(c)
		}
		c := testScrubber()
		want := whole(c, string(text))
		if got := cut(c, text, sizes); got != want {
			t.Errorf("cut %v: got %q, want %q", sizes, got, want)
		}
		if got := string(c.appendText(nil, text)); got != want {
			t.Errorf("at once: got %q, want %q", got, want)
		}
	})
}

// Runs that are too long to hold are let go at places that the text alone decides,
// and a ticket and a token at such a place are found.
func TestLongRuns(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	c := testScrubber()
	for range 50 {
		n := random.IntN(3 * runMax)
		text := []byte(strings.Repeat("a", n) + ticketTwo + strings.Repeat(".b", random.IntN(runMax)) + "." + jwt + " end")
		var sizes []int
		for range 100 {
			sizes = append(sizes, random.IntN(3000))
		}
		one, two := cut(c, text, nil), cut(c, text, sizes)
		if one != two {
			t.Fatalf("%d: the cutting shows", n)
		}
		if strings.Contains(one, "aaaaabbbbb") || strings.Contains(one, "c2lnbmF0") || !strings.HasSuffix(one, " end") {
			t.Fatalf("%d: it has what it must not have, or too little", n)
		}
	}
}

// A run that had to be let go early shows nothing of what it turns out to hold.
func TestForcedEarly(t *testing.T) {
	c := testScrubber()
	for _, text := range []string{"so: " + ticketOne + " end", "so: " + jwt + " end", "so: a" + ticketTwo + "." + jwt + " end"} {
		want := whole(c, text)
		for i := range len(text) {
			var s stream
			var got []byte
			out := func(_ int, text []byte) { got = append(got, text...) }
			s.feed(&c, 0, []byte(text[:i]), out)
			s.force(&c, out)
			early := string(got)
			s.feed(&c, 1, []byte(text[i:]), out)
			s.settle(&c, out)
			if leaked := leak(text, string(got)); leaked != "" {
				t.Errorf("cut at %d: %q has %q", i, got, leaked)
			}
			if m := ticketBegun.FindString(early); m != "" {
				t.Errorf("cut at %d: %q can be guessed", i, early)
			}
			if !strings.HasSuffix(string(got), " end") || !strings.HasPrefix(string(got), "so: ") {
				t.Errorf("cut at %d: got %q, of %q", i, got, want)
			}
		}
	}
}

// leak is a part of a secret of text that got has.
func leak(text, got string) string {
	for _, secret := range []string{ticketOne[16:], ticketTwo[6:], jwt[22:]} {
		for i := 0; i+6 <= len(secret) && strings.Contains(text, secret); i++ {
			if strings.Contains(got, secret[i:i+6]) {
				return secret[i : i+6]
			}
		}
	}
	return ""
}

func TestBasicCredentials(t *testing.T) {
	c := testScrubber()
	for _, tt := range []struct{ value, want string }{
		{"Bearer " + ticketOne, "Bearer ckr_github-read_[ticket L1]"},
		{"Basic dXNlcjpwYXNz", "Basic dXNlcjpwYXNz"},
		{"Basic !!", "Basic !!"},
		{"basic dXNlcjpja3JfZ2l0aHViLXJlYWRfMDEyMzQ1Njc4OWFiY2RlZmdoamttbnBxcnM=", "basic dXNlcjpja3JfZ2l0aHViLXJlYWRfW3RpY2tldCBMMV0="},
		{"Basic  dXNlcjpja3JfZ2l0aHViLXJlYWRfMDEyMzQ1Njc4OWFiY2RlZmdoamttbnBxcnM", "Basic dXNlcjpja3JfZ2l0aHViLXJlYWRfW3RpY2tldCBMMV0="},
		{"Basic dXNlcjpja3JfZ2l0aHViLXJlYWRfMDEyMzQ1Njc4OWFiY2RlZmdoamttbnBxcnM==\t", "Basic dXNlcjpja3JfZ2l0aHViLXJlYWRfW3RpY2tldCBMMV0="},
		{`ckr\u005fgithub-read_0\u0031` + ticketOne[18:], `ckr\u005fgithub-read_[ticket L1]`},
		{"Bearer " + jwt, "Bearer " + TokenMark(c.key, jwt)},
		{namedText, namedText},
	} {
		if got := c.credentials(tt.value); got != tt.want {
			t.Errorf("%q: got %q", tt.value, got)
		}
	}
	if m := TokenMark(c.key, jwt); len(m) != len("[token 0123456789abcdef]") {
		t.Errorf("got %q", m)
	}
}
