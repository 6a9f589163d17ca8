package replace

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The oracle masks a whole text in the slow and obvious way. It shares nothing
// with the package but the types of its arguments: it has encoders of its own,
// tries every form at every place, and works base64 out by encoding.

type oracleForm struct {
	text  string
	name  string
	kind  byte // 't' text, '6' base64, 'h' and 'H' hex
	value string
	align int
}

// oracle masks text. The flush points are those that it finds with a regular
// reading of the lines.
func oracle(secrets []Secret, flush Flush, text string) string {
	fs := oracleForms(secrets)
	var b strings.Builder
	for _, segment := range oracleSegments(flush, text) {
		b.WriteString(oracleSegment(fs, segment))
	}
	return b.String()
}

func oracleSegments(flush Flush, text string) []string {
	switch flush {
	case None:
		return []string{text}
	case Line:
		return strings.SplitAfter(text, "\n")
	}
	var all []string
	for text != "" {
		end := oracleBlank(text)
		all = append(all, text[:end])
		text = text[end:]
		// The "\n" of a "\r\n" whose "\r" ended the segment is one by itself.
		last := all[len(all)-1]
		if strings.HasSuffix(last, "\r") && strings.HasPrefix(text, "\n") {
			all = append(all, "\n")
			text = text[1:]
		}
	}
	return all
}

// oracleBlank returns where the first empty line of text ends, without the "\n"
// of a "\r\n".
func oracleBlank(text string) int {
	for rest := text; rest != ""; {
		i := strings.IndexAny(rest, "\r\n")
		switch {
		case i < 0:
			return len(text)
		case i == 0:
			return len(text) - len(rest) + 1
		case strings.HasPrefix(rest[i:], "\r\n"):
			i++
		}
		rest = rest[i+1:]
	}
	return len(text)
}

func oracleForms(secrets []Secret) []oracleForm {
	var all []oracleForm
	for _, s := range secrets {
		values := []string{string(s.Value)}
		if strings.ContainsAny(values[0], "\r\n") {
			for _, line := range strings.Split(strings.ReplaceAll(values[0], "\r", "\n"), "\n") {
				if len(line) >= 16 && !strings.HasPrefix(line, "-----") {
					values = append(values, line)
				}
			}
		}
		for _, v := range values {
			for _, text := range oracleTexts(v) {
				all = append(all, oracleForm{text, s.Name, 't', v, 0})
			}
			for align := range 3 {
				first, end := oracleCore(v, align)
				core := oracleEncode(strings.Repeat("\x00", align) + v + "\x00\x00")[first:end]
				all = append(all, oracleForm{core, s.Name, '6', v, align})
				url := strings.ReplaceAll(strings.ReplaceAll(core, "+", "-"), "/", "_")
				all = append(all, oracleForm{url, s.Name, '6', v, align})
			}
			all = append(all, oracleForm{fmt.Sprintf("%x", v), s.Name, 'h', v, 0})
			if upper := fmt.Sprintf("%X", v); upper != fmt.Sprintf("%x", v) {
				all = append(all, oracleForm{upper, s.Name, 'H', v, 0})
			}
		}
	}
	return all
}

func oracleEncode(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) }

// oracleCore finds the characters of v's base64 behind align bytes that are the
// same whatever stands around v.
func oracleCore(v string, align int) (first, end int) {
	zeros := oracleEncode(strings.Repeat("\x00", align) + v + "\x00\x00")
	ones := oracleEncode(strings.Repeat("\xff", align) + v + "\xff\xff")
	for first = 0; align > 0 && zeros[first] != ones[first]; first++ {
	}
	for end = first; end < len(zeros) && zeros[end] == ones[end]; end++ {
	}
	return first, end
}

func oracleTexts(v string) []string {
	all := []string{v}
	if utf8.ValidString(v) {
		for i := range 8 {
			all = append(all, oracleJSON(v, i&1 != 0, i&2 != 0, i&4 != 0))
		}
	}
	const alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	for _, form := range []string{"%02X", "%02x"} {
		for _, keep := range []string{
			"-_.~", "-_.~$&+=:@", "-_.~/", "-_.~!'()*", "-_.~!'()*;,/?:@&=+$#", "", "-_.~ ", "-_.* ",
		} {
			var b strings.Builder
			for _, c := range []byte(v) {
				switch {
				case c == ' ' && strings.Contains(keep, " "):
					b.WriteByte('+')
				case strings.Contains(alnum+keep, string(rune(c))) && c < 0x80 && c != ' ':
					b.WriteByte(c)
				default:
					fmt.Fprintf(&b, "%%"+form, c)
				}
			}
			all = append(all, b.String())
		}
	}
	for _, quote := range []string{"&#34;", "&quot;", `"`} {
		for _, apostrophe := range []string{"&#39;", "&#x27;", "&#039;", "&apos;", "'"} {
			s := strings.ReplaceAll(v, "&", "&amp;")
			for _, pair := range [][2]string{{"<", "&lt;"}, {">", "&gt;"}} {
				s = strings.ReplaceAll(s, pair[0], pair[1])
			}
			parts := strings.Split(s, `"`)
			for i := range parts {
				parts[i] = strings.ReplaceAll(parts[i], "'", apostrophe)
			}
			all = append(all, strings.Join(parts, quote))
		}
	}
	return all
}

func oracleJSON(v string, forHTML, slash, ascii bool) string {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`}
	var b strings.Builder
	for _, r := range v {
		switch {
		case short[r] != "":
			b.WriteString(short[r])
		case r == '/' && slash:
			b.WriteString(`\/`)
		case r < 0x20, r == 0x2028, r == 0x2029, forHTML && strings.ContainsRune("<>&", r):
			fmt.Fprintf(&b, `\u%04x`, r)
		case ascii && r >= 0x80:
			for _, u := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, u)
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

type oracleMatch struct {
	start, end int
	oracleForm
}

func oracleMatches(fs []oracleForm, text string) []oracleMatch {
	var ms []oracleMatch
	for start := range len(text) {
		for _, f := range fs {
			if strings.HasPrefix(text[start:], f.text) {
				ms = append(ms, oracleMatch{start, start + len(f.text), f})
			}
		}
	}
	slices.SortStableFunc(ms, func(a, b oracleMatch) int {
		rank := func(m oracleMatch) int {
			if m.kind == 't' {
				return 0
			}
			return 1
		}
		if a.start != b.start {
			return a.start - b.start
		}
		if a.end != b.end {
			return b.end - a.end
		}
		return rank(a) - rank(b)
	})
	return ms
}

// oracleSegment writes, for each byte of the text, what stands in its place.
func oracleSegment(fs []oracleForm, text string) string {
	out := make([]string, len(text))
	hidden := make([]bool, len(text))
	for i := range len(text) {
		out[i] = text[i : i+1]
	}
	ms := oracleMatches(fs, text)
	for _, m := range ms {
		for i := m.start; i < m.end; i++ {
			hidden[i] = true
		}
	}
	for i := 0; i < len(ms); {
		reach, silent := ms[i].start, false
		for first := true; i < len(ms) && (first || ms[i].start < reach); first = false {
			m := ms[i]
			i++
			for at := reach; at < m.end; at++ {
				switch {
				case m.kind != 't' && !silent:
					out[at] = oracleFill(m, text, at-m.start)
				case at == reach && !silent:
					out[at] = "<" + m.name + ">"
					silent = true
				default:
					out[at] = ""
				}
			}
			reach = max(reach, m.end)
		}
	}
	oracleEdges(ms, hidden, out)
	return strings.Join(out, "")
}

// oracleFill returns the character that stands for the i-th of the match.
func oracleFill(m oracleMatch, text string, i int) string {
	stars := strings.Repeat("*", len(m.value))
	switch m.kind {
	case 'h':
		return fmt.Sprintf("%x", stars)[i : i+1]
	case 'H':
		return fmt.Sprintf("%X", stars)[i : i+1]
	}
	first, _ := oracleCore(m.value, m.align)
	return oracleEncode(strings.Repeat("\x00", m.align) + stars + "\x00\x00")[first+i:][:1]
}

// oracleEdges masks the value's bits in the characters around base64 matches:
// those bits that are the same whatever stands around the value. At one byte
// the matches that end there come first, and on either side the widest counts.
func oracleEdges(ms []oracleMatch, hidden []bool, out []string) {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for _, right := range []bool{true, false} {
		for at := range out {
			if hidden[at] {
				continue
			}
			c := strings.IndexAny(digits, strings.NewReplacer("-", "+", "_", "/").Replace(out[at]))
			if c < 0 || out[at] == "" {
				continue
			}
			bits, fill := 0, 0
			for _, m := range ms {
				if m.kind != '6' || right && m.end != at || !right && m.start-1 != at {
					continue
				}
				if b, f := oracleEdge(m, right, digits); bits&b == bits {
					bits, fill = b, f
				}
			}
			if bits != 0 {
				out[at] = digits[c&^bits|fill:][:1]
			}
		}
	}
}

func oracleEdge(m oracleMatch, right bool, digits string) (bits, fill int) {
	first, end := oracleCore(m.value, m.align)
	at := first - 1
	if right {
		at = end
	}
	stars := strings.Repeat("*", len(m.value))
	sextets := func(v string, around string) int {
		s := oracleEncode(strings.Repeat(around, m.align) + v + around + around)
		if at < 0 {
			return -1
		}
		return strings.IndexByte(digits, s[at])
	}
	if at < 0 {
		return 0, 0
	}
	bits = 63 &^ (sextets(stars, "\x00") ^ sextets(stars, "\xff"))
	return bits, sextets(stars, "\x00") & bits
}
