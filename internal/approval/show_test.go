package approval

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain", "deploy v1.2 to staging", "deploy v1.2 to staging"},
		{"white space", " a\t\tb\r\n\u00a0c\u2028d\u3000 ", "a b c d"},
		{"control", "a\x00b\x1b[31mc\x7fd\u0085e", "ab[31mcd e"},
		{"bidirectional", "user\u202e\u2066 nimda\u2069\u202c\u200f\u061c", "user nimda"},
		{"zero width", "pay\u200bpal\u200d\u2060\ufeff\u00ad", "paypal"},
		{"tags", "ok\U000e0001\U000e0069\U000e0067\U000e007f", "ok"},
		{"variations", "a\ufe0f\ufe00\U000e0100", "a"},
		{"private", "a\ue000\U00100000b", "ab"},
		{"blanks that are letters", "a\u3164\u115f\u1160\uffa0\u2800\u034fb", "ab"},
		{"a pile of accents", "e" + strings.Repeat("\u0301", 40) + "!", "e\u0301\u0301\u0301!"},
		{"an accent on what is not ours", "\u0301\u0489a \u0301b", "a b"},
		{"what encloses", "a\u20dd\u20e3", "a"},
		{"no character", "a\ufffe\U0001ffff\u0378b", "ab"},
		{"no UTF-8", "a\xff\xc3b\xed\xa0\x80", "a\ufffdb\ufffd"},
		{"other scripts", "Größe 東京 שָׁלוֹם ไทย 👍", "Größe 東京 שָׁלוֹם ไทย 👍"},
		{"nothing that is seen", "\u200b\u202e \u3164\n", ""},
	} {
		if got := Clean(c.text, 500); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	for most, want := range map[int]string{3: "…", 4: "…", 5: "é…", 6: "é…", 7: "éé…", 8: "éééé", 99: "éééé"} {
		if got := Clean("éééé", most); got != want {
			t.Errorf("at most %d: got %q, want %q", most, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\u202eb\u0301\u0301\u0301\u0301\u0301 c", 9)
	f.Add("\xff\U000e0041\u2028é", 3)
	f.Fuzz(func(t *testing.T, text string, most int) {
		most = 3 + max(0, most)%1000
		got := Clean(text, most)
		if !utf8.ValidString(got) || len(got) > most || strings.TrimSpace(got) != got || strings.Contains(got, "  ") {
			t.Errorf("%q becomes %q, at most %d", text, got, most)
		}
		for _, r := range got {
			if r != ' ' && !unicode.IsGraphic(r) || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
				t.Errorf("%q becomes %q, which has %U", text, got, r)
			}
		}
		if again := Clean(got, most); again != got {
			t.Errorf("%q becomes %q, and that %q", text, got, again)
		}
		if shown := words(text); strings.ContainsAny(shown, "<>&`") {
			t.Errorf("%q is shown as %q", text, shown)
		}
	})
}

func TestWords(t *testing.T) {
	if got, want := words("<b>hi</b> & `x` <https://e.example|here>\n"), "‹b›hi‹/b› ＆ 'x' ‹https://e.example|here›"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestExact(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "",
		"/repos/a?q=1&r=%20":   "/repos/a?q=1&r=%20",
		"/\u0430dmin":          "/%D0%B0dmin",
		"/a b\n\x00\x7f\u202e": "/a%20b%0A%00%7F%E2%80%AE",
		"/\xff":                "/%FF",
		"\"<>\\`'":             "\"<>\\`'",
	} {
		if got := exact(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
