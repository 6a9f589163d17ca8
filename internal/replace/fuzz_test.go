package replace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"strings"
	"testing"
)

// pool is what the fuzzed sets are drawn from: values with every kind of
// character that an encoder cares about, values within and across each other,
// periodic ones, and values that look like other values' forms.
var pool = []string{
	"ghp_16C7e42F292c6912E7710c838347Ae178B4a",
	"hunter2!",
	`p<a>&s"s'w/o rd+%\`,
	"grüße/über\u2028alles😀",
	"abcabcabcabcabca",
	"aaaaaaaaaaaaaaaa",
	"cabcabcaXYZ12345",
	"345ghp_16C7e42F2",
	"-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA7bq0\r\nshort\nqZ1vXr5t3y6u8i0oPpAa\n\n-----END KEY-----\n",
	"6162636162636162",
	"aHVudGVyMiEhunter2!",
	"\xff\xfe\x00\x01binary\x80\x81\x7f",
	"line one is long enough\rline two is long enough",
	"????>>>>~~~~????",
}

// fuzzSecrets draws the set that the bits of choice name.
func fuzzSecrets(choice uint16, own string) []Secret {
	var secrets []Secret
	for i, v := range pool {
		if choice&(1<<i) != 0 {
			secrets = append(secrets, Secret{Name: string(rune('a' + i)), Value: []byte(v)})
		}
	}
	if len(own) >= Shortest && len(own) < 100 {
		secrets = append(secrets, Secret{Name: "own", Value: []byte(own)})
	}
	return secrets
}

// fuzzText writes a text from a recipe: pieces of forms that overlap, escaped
// in every way and to any depth, base64 around a value, breaks, and the
// recipe's own bytes.
func fuzzText(secrets []Secret, recipe []byte) string {
	var b strings.Builder
	fs := oracleForms(secrets)
	for len(recipe) >= 4 && b.Len() < 1200 {
		op, which, from, to := recipe[0], int(recipe[1]), int(recipe[2]), int(recipe[3])
		recipe = recipe[4:]
		text := "quite harmless, quite"
		if len(fs) > 0 {
			text = fs[(which+int(op&0xf0)<<4)%len(fs)].text
		}
		switch op & 15 {
		case 0, 1:
			b.WriteString(text)
		case 2:
			b.WriteString(text[:from%(len(text)+1)])
		case 3:
			b.WriteString(text[from%len(text):])
		case 4:
			b.WriteString([]string{"\n", "\r", "\r\n", "\n\n", "=", "+", "_", "9", "\\", "%", "&", "\\\\", "&#", "\\u", "=4", "\x00"}[from%16])
		case 5:
			b.WriteString(oracleEncode(strings.Repeat("x", from%5) + text + strings.Repeat("y", to%4)))
		case 6:
			b.Write([]byte{byte(from), byte(to)})
		case 7:
			b.WriteString(oracleEncode(strings.Repeat("z", from%3) + text + fs0(fs, to)))
		case 8, 9, 10, 11:
			b.WriteString(fuzzEscape(text, int(op>>4)+op8(op), from, to))
		case 12, 13:
			b.WriteString(fuzzEscape(fuzzEscape(text, from>>4, from&7, to), from, to, from))
		case 14:
			b.WriteString(fuzzEscape(fuzzEscape(fuzzEscape(text, to, from, 0), to>>3, to, from), from, 1, to))
		case 15:
			b.WriteString(strings.Repeat(string(byte(from)), to%40))
		}
	}
	b.Write(recipe)
	return b.String()
}

func op8(op byte) int { return int(op & 3 << 4) }

// fuzzEscape escapes characters of text, those that the bits of which choose by
// turns, in one of the ways.
func fuzzEscape(text string, way, which, more int) string {
	if way%12 >= 10 {
		return fuzzLines(text, way, which, more)
	}
	var b strings.Builder
	for i, c := range []byte(text) {
		chosen := which>>(i%7)&1 != 0 || which == 0
		special := !alphanumeric(c) && more&1 != 0
		if !chosen && !special || c >= 0x80 && way%12 != 2 && way%12 != 5 {
			b.WriteByte(c)
			continue
		}
		switch way % 12 {
		case 0:
			fmt.Fprintf(&b, `\u%04x`, c)
		case 1:
			fmt.Fprintf(&b, `\u%04X`, c)
		case 2:
			fmt.Fprintf(&b, []string{"%%%02x", "%%%02X"}[(i+more)&1], c)
		case 3:
			fmt.Fprintf(&b, []string{"&#%d;", "&#x%x;", "&#x%04X;"}[(i+more)%3], c)
		case 4:
			b.WriteString(html.EscapeString(string(c)))
		case 5:
			fmt.Fprintf(&b, "=%02X", c)
			if (i+more)%5 == 0 {
				b.WriteString("=\r\n"[:1+more%2*2] + "\n"[more%2:])
			}
		case 6:
			b.WriteString(strings.Trim(oracleQuote(string(c)), `"`))
		case 7:
			fmt.Fprintf(&b, `\x%02x`, c)
		case 8:
			b.WriteString(strings.ReplaceAll(string(c), "/", `\/`))
		case 9:
			b.WriteString("\x00"[:which&1] + string(c) + "\x00"[which&1:])
		}
	}
	return b.String()
}

func oracleQuote(s string) string {
	b, _ := json.Marshal(s)
	return strings.ReplaceAll(string(b), "/", `\/`)
}

// fuzzLines breaks a text in lines.
func fuzzLines(text string, way, which, more int) string {
	var b strings.Builder
	b.WriteString(strings.Repeat("A", more%20))
	width := 16 + which%64
	for len(text) > width {
		b.WriteString(text[:width] + []string{"\n", "\r\n", `\n`, `\r\n`, "\n    ", "&#10;"}[(way+more)%6])
		text = text[width:]
	}
	return b.String() + text
}

func fs0(fs []oracleForm, i int) string {
	if len(fs) == 0 {
		return ""
	}
	return fs[i%len(fs)].text
}

func fuzzLabel(name string) string { return "<" + name + ">" }

// FuzzAnyCutting checks that however a text is cut, the output is the oracle's.
func FuzzAnyCutting(f *testing.F) {
	f.Add(uint16(0x0001), "", []byte{0, 0, 0, 0}, byte(0), []byte{1})
	f.Add(uint16(0x0002), "", []byte("\x05\x00\x01\x01\x05\x00\x02\x02\x07\x00\x01\x05"), byte(0), []byte{3, 1, 4})
	f.Add(uint16(0x00d1), "", []byte("\x03\x00\x04\x00\x00\x01\x00\x00\x02\x02\x09\x00"), byte(0), []byte{7})
	f.Add(uint16(0x0100), "", []byte("\x00\x00\x00\x00\x04\x00\x03\x00\x00\x01\x00\x00"), byte(1), []byte{1, 5})
	f.Add(uint16(0x1100), "", []byte("\x00\x00\x00\x00\x04\x00\x02\x00\x04\x00\x01\x00"), byte(2), []byte{1})
	f.Add(uint16(0x3fff), "another value here", []byte("\x05\x40\x01\x01\x01\x99\x00\x00"), byte(2), []byte{9, 2})
	f.Add(uint16(0x0030), "", []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x02\x01\x05\x00"), byte(0), []byte{})
	f.Add(uint16(0), "", []byte("nothing to find"), byte(0), []byte{2})
	f.Fuzz(func(t *testing.T, choice uint16, own string, recipe []byte, flush byte, cuts []byte) {
		secrets := fuzzSecrets(choice, own)
		set, err := Compile(secrets)
		if err != nil {
			t.Fatal(err)
		}
		text := fuzzText(secrets, recipe)
		kind := Flush(flush % 3)
		want := oracle(secrets, kind, text)

		r := set.NewRewriter(kind, fuzzLabel)
		if got := string(r.Append(nil, []byte(text), true)); got != want {
			t.Fatalf("whole:\n text %q\n%s", text, difference(got, want))
		}
		checkCut(t, set, r, kind, text, want, cuts)
		if got := set.Mask(text, fuzzLabel).String(); kind == None && got != want {
			t.Fatalf("Mask:\n text %q\n%s", text, difference(got, want))
		}
	})
}

// checkCut feeds the text in pieces of the given lengths, by turns, to the
// Rewriter that has just finished another text, and compares output and how
// much of it has come each time.
func checkCut(t *testing.T, set *Set, r *Rewriter, kind Flush, text, want string, cuts []byte) {
	t.Helper()
	var out []byte
	for i, at := 0, 0; ; i++ {
		n := 1
		if len(cuts) > 0 {
			n = int(cuts[i%len(cuts)])%97 + i%2
		}
		end := min(at+n, len(text))
		out = r.Append(out, []byte(text[at:end]), end == len(text))
		if !bytes.HasPrefix([]byte(want), out) {
			t.Fatalf("after %d of %q:\n%s", end, text, difference(string(out), want))
		}
		at = end
		if at == len(text) {
			break
		}
	}
	if string(out) != want {
		t.Fatalf("cut by %v: %q\n%s", cuts, text, difference(string(out), want))
	}
}

// difference shows where two texts begin to differ.
func difference(got, want string) string {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	around := func(s string) string { return s[max(0, i-60):min(len(s), i+120)] }
	return fmt.Sprintf(" differ at %d:\n got  %q\n want %q", i, around(got), around(want))
}
