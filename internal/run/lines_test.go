package run

import (
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	for _, tc := range []struct {
		name   string
		writes []string
		want   string
		why    string
	}{
		{"none", nil, "", ""},
		{"one", []string{"a\n"}, "> a\n", "a"},
		{"cut anywhere", []string{"a", "b\nc", "\n"}, "> ab\n> c\n", "c"},
		{"no last newline", []string{"a\nb"}, "> a\n> b\n", "b"},
		{"blank lines go", []string{"\n\na\r\n\n"}, "> a\n", "a"},
		{"an error is remembered", []string{"error main: bad\nexiting\n"}, "> error main: bad\n> exiting\n", "error main: bad"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			l := newLines(&out, "> ")
			for _, w := range tc.writes {
				if n, err := l.Write([]byte(w)); n != len(w) || err != nil {
					t.Fatalf("Write: %d, %v; want %d", n, err, len(w))
				}
			}
			l.flush()
			if out.String() != tc.want || l.why() != tc.why {
				t.Errorf("got %q, why %q; want %q, %q", out.String(), l.why(), tc.want, tc.why)
			}
		})
	}
}

func TestLinesCutsAnEndlessLine(t *testing.T) {
	var out strings.Builder
	l := newLines(&out, "")
	for range 4 {
		l.Write([]byte(strings.Repeat("x", longestLine/2)))
	}
	l.Write([]byte("\nnext\n"))
	if want := strings.Repeat("x", longestLine) + "\nnext\n"; out.String() != want {
		t.Errorf("got %d bytes, want %d", out.Len(), len(want))
	}
}
