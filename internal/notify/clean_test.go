package notify

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"cloakroom/internal/record/recordtest"
)

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "",
		"Grüße, 世界 <b>&*x* ❤️":       "Grüße, 世界 <b>&*x* ❤️",
		"a\nb\tc\r\nd":               "a b c  d",
		"a\u00a0b\u3000c":            "a b c",
		"a\x00b\x1b[31mc\x7f\u0085d": "a�b�[31mc��d",
		"a\u202eb\u2066c\u200fd":     "a�b�c�d", // bidirectional
		"a\u200bb\ufeffc\u00add":     "a�b�c�d", // zero width, soft hyphen
		"a\u2028b\u2029c":            "a�b�c",
		"a\U000e0041b\ue000c\ufffed": "a�b�c�d", // tags, private, none
		"a\u3164b\u115fc\u2800d":     "a�b�c�d", // blank letters
		"a\ufe01b\U000e0100c":        "a�b�c",   // selectors
		"a\xffb\xc0\xafc":            "a�b��c",
	} {
		if got := plain(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for in, want := range map[string]string{"": "", "abcde": "abcde", "abcdef": "abcd…", "ääääää": "ääää…", "abc def": "abc…"} {
		if got := cut(in, 5); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"", "a\u202eb", "\xff", canary, "é\u0301 \U000e0041", strings.Repeat("世", 60)} {
		f.Add(seed)
	}
	masker := recordtest.Masker(f, canary)
	f.Fuzz(func(t *testing.T, in string) {
		c := cleaner{masker: masker}
		out := c.clean(in, 50)
		again := cleaner{masker: masker}
		switch {
		case !utf8.ValidString(out) || utf8.RuneCountInString(out) > 50:
			t.Errorf("%q: %q is too long, or no text", in, out)
		case strings.ContainsFunc(out, func(r rune) bool { return !unicode.IsPrint(r) }):
			t.Errorf("%q: %q has what cannot be seen", in, out)
		case strings.Contains(out, canary):
			t.Errorf("%q: %q holds a value", in, out)
		case c.altered != (out != in):
			t.Errorf("%q: %q is said to be altered: %v", in, out, c.altered)
		case again.clean(out, 50) != out:
			t.Errorf("%q: cleaning again changes %q", in, out)
		}
	})
}
