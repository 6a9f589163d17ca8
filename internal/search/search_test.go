package search_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"cloakroom/internal/search"
)

var key = search.NewKey([32]byte{1})

func compile(t *testing.T, prints ...search.Fingerprint) *search.Search {
	t.Helper()
	s, err := key.Compile(prints)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const value = `pä/sw+ord"9f8e7d6c`

func std(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// TestEveryFormIsFound writes a value as the table of docs/masking.md has it.
func TestEveryFormIsFound(t *testing.T) {
	wide := func(first, second int) string {
		var b []byte
		for _, c := range value {
			b = append(b, byte(c>>first), byte(c>>second))
		}
		return string(b)
	}
	tests := []struct {
		name, text string
		kind       search.Kind
	}{
		{"as it is", value, search.Text},
		{"JSON", `p\u00e4\/sw\u002Bord\"9f8e7d6c`, search.Text},
		{"JavaScript", `p\u00E4\x2fsw+ord\"9f8e7d6c`, search.Text},
		{"percent-encoded", `p%c3%A4%2Fsw%2bord%229f8e7d6c`, search.Text},
		{"HTML", `p&auml;&sol;sw&#43;ord&#x22;9f8e7d6c`, search.Text},
		{"JSON in JSON", `p\\u00e4\\\/sw+ord\\\"9f8e7d6c`, search.Text},
		{"percent-encoded three times", strings.ReplaceAll(`p%c3%a4/sw+ord"9f8e7d6c`, "%", "%2525"), search.Text},
		{"quoted-printable", "p=C3=A4/sw=\r\n+ord=229f8e7=\nd6c", search.Text},
		{"UTF-16, low byte first", wide(0, 8), search.Text},
		{"UTF-16, high byte first", wide(8, 0), search.Text},
		{"base64", std("user:" + value), search.Base64},
		{"base64 for URLs", base64.RawURLEncoding.EncodeToString([]byte("x" + value + "y")), search.Base64},
		{"base64 in lines", lines(std(value), 16, "\r\n  "), search.Base64},
		{"base64 in lines, in JSON", lines(std(value), 20, `\n`), search.Base64},
		{"base64 of base64", std(std("ab" + value)), search.Base64Twice},
		{"hex", hex.EncodeToString([]byte(value)), search.Hex},
		{"hex of capitals", strings.ToUpper(hex.EncodeToString([]byte(value))), search.Hex},
		{"hex with colons", strings.ReplaceAll(fmt.Sprintf("% X", value), " ", ":"), search.HexColons},
		{"hex with dashes", strings.ReplaceAll(fmt.Sprintf("% x", value), " ", "-"), search.HexDashes},
		{"hex with spaces", fmt.Sprintf("% x", value), search.HexSpaces},
	}
	s := compile(t, key.Fingerprint("other", []byte("never to be seen")), key.Fingerprint("k", []byte(value)))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const before = "some text, and then: "
			hits := s.Find([]byte(before + tt.text + " — and more"))
			if len(hits) != 1 || hits[0].Credential != "k" || hits[0].Kind != tt.kind {
				t.Fatalf("%q: found %v", tt.text, hits)
			}
			if h := hits[0]; h.Start < len(before) || h.End > len(before+tt.text) {
				t.Errorf("found at %d to %d", h.Start, h.End)
			}
		})
	}
}

func lines(text string, width int, end string) string {
	var b strings.Builder
	for ; len(text) > width; text = text[width:] {
		b.WriteString(text[:width] + end)
	}
	return b.String() + text
}

// TestWhatIsNotThere looks at texts that are near to a value.
func TestWhatIsNotThere(t *testing.T) {
	s := compile(t, key.Fingerprint("k", []byte(value)))
	for name, text := range map[string]string{
		"nothing":         "",
		"all but one":     value[:len(value)-1],
		"another case":    strings.ToUpper(value),
		"its end":         value[1:],
		"one of another":  "x" + value[1:],
		"base64, another": std(strings.ToUpper(value)),
	} {
		if hits := s.Find([]byte(text)); hits != nil {
			t.Errorf("%s: found %v", name, hits)
		}
	}
	if hits := compile(t).Find([]byte(value)); hits != nil {
		t.Errorf("without fingerprints: found %v", hits)
	}
	other := search.NewKey([32]byte{2})
	s = compile(t, other.Fingerprint("k", []byte(value)))
	if hits := s.Find([]byte(value)); hits != nil {
		t.Errorf("with another key: found %v", hits)
	}
}

// TestLinesOfAValue finds what is left of a value of several lines.
func TestLinesOfAValue(t *testing.T) {
	pem := "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA7bq0\nshort\nqZ1vXr5t3y6u8i0oPpAa\n-----END KEY-----\n"
	s := compile(t, key.Fingerprint("k", []byte(pem)))
	for text, want := range map[string]int{pem: 3, "MIIEpAIBAAKCAQEA7bq0": 1, std("qZ1vXr5t3y6u8i0oPpAa"): 1, "short": 0, "-----END KEY-----": 0} {
		if hits := s.Find([]byte(text)); len(hits) != want {
			t.Errorf("%q: found %v, want %d", text, hits, want)
		}
	}
}

// TestLongTexts moves a value over the places where a long text is cut.
func TestLongTexts(t *testing.T) {
	s := compile(t, key.Fingerprint("k", []byte(value)))
	filler := bytes.Repeat([]byte(`{"a":"\u0041 &amp; %20"} `), 3000)
	for _, form := range []string{value, `p%c3%a4\\\/sw%2Bord"9f8e7d6c`, std(std(value)), lines(std(value), 16, `\n`)} {
		for at := 64<<10 - 200; at < 64<<10+8; at += 3 {
			copied := at / 25 * 25 // behind a whole piece of the filler
			text := append(append(append([]byte{}, filler[:copied]...), strings.Repeat(" ", at-copied)+form...), filler[copied:]...)
			hits := s.Find(text)
			if len(hits) != 1 || hits[0].Start < at || hits[0].End > at+len(form) {
				t.Fatalf("%q at %d: found %v", form, at, hits)
			}
		}
	}
}

// TestFingerprintsTellNothing looks for a value in its own fingerprint.
func TestFingerprintsTellNothing(t *testing.T) {
	f := key.Fingerprint("k", []byte(value))
	if hits := compile(t, f).Find(fmt.Appendf(nil, "%v %x", f, f)); hits != nil {
		t.Errorf("found %v", hits)
	}
	if g := key.Fingerprint("l", []byte(value)); f.ID == g.ID {
		t.Error("two credentials' values have the same id")
	}
}

func TestCompileRefuses(t *testing.T) {
	good := key.Fingerprint("k", []byte(value))
	for name, harm := range map[string]func(f *search.Form){
		"a kind that is none":    func(f *search.Form) { f.Kind = 99 },
		"a form of no bytes":     func(f *search.Form) { f.Length = 0 },
		"longer than what it is": func(f *search.Form) { f.Most = f.Length - 1 },
		"very long":              func(f *search.Form) { f.Most = 1 << 40 },
	} {
		bad := good
		bad.Forms = append([]search.Form{}, good.Forms...)
		harm(&bad.Forms[1])
		if _, err := key.Compile([]search.Fingerprint{bad}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
