package replace

import (
	"encoding/base64"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The oracle masks a whole text in the slow and obvious way. It shares nothing
// with the package but the types of its arguments and the bounds that the docs
// state: it has encoders and decoders of its own, tries every form at every
// place of every reading of the text, and works base64 out by encoding.

type oracleForm struct {
	text   string
	name   string
	kind   byte // 't' text, '6' base64, '2' base64 twice, 'h' hex, ':', ' ' and '-' hex with these between
	value  string
	align  int
	within int  // the inner alignment of '2'
	most   int  // bytes of an occurrence
	letter bool // hex is compared without case
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
		v := string(s.Value)
		if !strings.ContainsAny(v, "\r\n") {
			all = append(all, oracleValue(s.Name, v, max(9*len(v), 5*len(v)+128))...)
			continue
		}
		all = append(all, oracleValue(s.Name, v, max(2*len(v), 5*len(v)+128))...)
		for _, line := range strings.Split(strings.ReplaceAll(v, "\r", "\n"), "\n") {
			if len(line) >= 16 && !strings.HasPrefix(line, "-----") {
				all = append(all, oracleValue(s.Name, line, max(9*len(line), 5*len(line)+128))...)
			}
		}
	}
	return all
}

func oracleValue(name, v string, most int) []oracleForm {
	var all []oracleForm
	add := func(f oracleForm) {
		f.name, f.value, f.most = name, v, most
		if len(f.text) >= 8 {
			all = append(all, f)
		}
	}
	add(oracleForm{text: v, kind: 't'})
	add(oracleForm{text: strings.ReplaceAll(v, " ", "+"), kind: 't'})
	if utf8.ValidString(v) && strings.ContainsFunc(v, func(r rune) bool { return r > 127 }) {
		var little, big string
		for _, u := range utf16.Encode([]rune(v)) {
			little += string([]byte{byte(u), byte(u >> 8)})
			big += string([]byte{byte(u >> 8), byte(u)})
		}
		add(oracleForm{text: strings.ReplaceAll(little, "\x00", ""), kind: 't'})
		add(oracleForm{text: strings.ReplaceAll(big, "\x00", ""), kind: 't'})
	}
	control := regexp.MustCompile(`\p{Cc}`)
	for read, i := oracleRaw(v), 0; i < 3; i++ {
		read = oracleDecode(read)
		if control.MatchString(read.text()) && !control.MatchString(v) {
			break
		}
		add(oracleForm{text: read.text(), kind: 't'})
	}
	digits := fmt.Sprintf("%x", v)
	add(oracleForm{text: digits, kind: 'h', letter: true})
	for _, separator := range ": -" {
		add(oracleForm{text: strings.TrimSpace(strings.Trim(regexp.MustCompile("..").ReplaceAllString(digits, "$0"+string(separator)), ":-")),
			kind: byte(separator), letter: true})
	}
	url := strings.NewReplacer("+", "-", "/", "_")
	for align := range 3 {
		core := oracleCoreText(v, align)
		add(oracleForm{text: core, kind: '6', align: align})
		add(oracleForm{text: url.Replace(core), kind: '6', align: align})
	}
	for within := range 3 {
		for _, inner := range []string{oracleCoreText(v, within), url.Replace(oracleCoreText(v, within))} {
			for align := range 3 {
				core := oracleCoreText(inner, align)
				add(oracleForm{text: core, kind: '2', align: align, within: within})
				add(oracleForm{text: url.Replace(core), kind: '2', align: align, within: within})
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

func oracleCoreText(v string, align int) string {
	first, end := oracleCore(v, align)
	return oracleEncode(strings.Repeat("\x00", align) + v + "\x00\x00")[first:end]
}

// oracleReading is a text as it reads: characters, and where each comes from.
type oracleReading []oracleChar

type oracleChar struct {
	c        byte
	from, to int
}

func oracleRaw(text string) oracleReading {
	var all oracleReading
	for i := range len(text) {
		all = append(all, oracleChar{text[i], i, i + 1})
	}
	return all
}

func (o oracleReading) text() string {
	b := make([]byte, len(o))
	for i, c := range o {
		b[i] = c.c
	}
	return string(b)
}

// as returns what the n characters from i on become as out.
func (o oracleReading) as(i, n int, out string) (all oracleReading) {
	for _, c := range []byte(out) {
		all = append(all, oracleChar{c, o[i].from, o[i+n-1].to})
	}
	return all
}

var (
	oraclePair    = regexp.MustCompile(`^\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})`)
	oracleUnit    = regexp.MustCompile(`^\\u([0-9a-fA-F]{4})`)
	oracleX       = regexp.MustCompile(`^\\x([0-9a-fA-F]{2})`)
	oracleShort   = regexp.MustCompile(`^\\(["\\/'bfnrt])`)
	oraclePercent = regexp.MustCompile(`^%([0-9a-fA-F]{2})`)
	oracleDecimal = regexp.MustCompile(`^&#([0-9]{1,7});`)
	oracleHexa    = regexp.MustCompile(`^&#[xX]([0-9a-fA-F]{1,6});`)
	oracleName    = regexp.MustCompile(`^&[0-9a-zA-Z]{1,38};`)
	oracleByte    = regexp.MustCompile(`^=([0-9a-fA-F]{2})`)
	oracleSoft    = regexp.MustCompile(`^=\r?\n`)
)

func oracleNumber(s string, base int) rune {
	n, _ := strconv.ParseInt(s, base, 32)
	return rune(n)
}

// oracleEscape returns how many characters of text are an escape that it begins
// with, and what they mean.
func oracleEscape(text string) (int, string) {
	if m := oraclePair.FindStringSubmatch(text); m != nil {
		return len(m[0]), string(utf16.DecodeRune(oracleNumber(m[1], 16), oracleNumber(m[2], 16)))
	}
	for form, base := range map[*regexp.Regexp]int{oracleUnit: 16, oracleDecimal: 10, oracleHexa: 16} {
		if m := form.FindStringSubmatch(text); m != nil && utf8.ValidRune(oracleNumber(m[1], base)) {
			return len(m[0]), string(oracleNumber(m[1], base))
		}
	}
	for _, form := range []*regexp.Regexp{oracleX, oraclePercent} {
		if m := form.FindStringSubmatch(text); m != nil {
			return 3 + len(m[0])%3, string([]byte{byte(oracleNumber(m[1], 16))})
		}
	}
	if m := oracleShort.FindStringSubmatch(text); m != nil {
		return 2, strings.NewReplacer("b", "\b", "f", "\f", "n", "\n", "r", "\r", "t", "\t").Replace(m[1])
	}
	if m := oracleName.FindString(text); m != "" {
		if s := html.UnescapeString(m); s != m && (m == "&semi;" || len(s) <= 8 && s[0] != '&' && s[len(s)-1] != ';') || m == "&amp;" || m == "&AMP;" {
			return len(m), s
		}
	}
	return 0, ""
}

func oracleDecode(o oracleReading) (all oracleReading) {
	text := o.text()
	run := 0
	for i := 0; i < len(o); {
		if text[i] == '\\' && (i == 0 || text[i-1] != '\\') {
			run = i
		}
		n, out := oracleEscape(text[i:])
		if n == 0 || text[i] == '\\' && i-run >= 16 {
			all = append(all, o[i])
			i++
			continue
		}
		all = append(all, o.as(i, n, out)...)
		i += n
	}
	return all
}

func oracleUnquote(o oracleReading) (all oracleReading) {
	text := o.text()
	for i := 0; i < len(o); {
		if m := oracleByte.FindStringSubmatch(text[i:]); m != nil {
			all = append(all, o.as(i, 3, string([]byte{byte(oracleNumber(m[1], 16))}))...)
			i += 3
		} else if m := oracleSoft.FindString(text[i:]); m != "" {
			i += len(m)
		} else {
			all = append(all, o[i])
			i++
		}
	}
	return all
}

// oracleJoin leaves out line breaks behind full lines of base64 or hex.
func oracleJoin(o oracleReading) (all oracleReading) {
	text := o.text()
	full := regexp.MustCompile(`[0-9A-Za-z+/_:-]{16}$`)
	lineBreak := regexp.MustCompile(`^\r?\n[ \t]{0,64}[0-9A-Za-z+/_:-]`)
	for i := 0; i < len(o); {
		if m := lineBreak.FindString(text[i:]); m != "" && full.MatchString(text[max(0, i-16):i]) {
			i += len(m) - 1
			continue
		}
		all = append(all, o[i])
		i++
	}
	return all
}

// oracleNarrow leaves the zero bytes of UTF-16 out.
func oracleNarrow(text string) (all oracleReading) {
	at := func(i int) byte {
		if i < 0 || i >= len(text) {
			return 1
		}
		return text[i]
	}
	run := func(i, step int) (n int) {
		for ; i >= 0 && i < len(text) && text[i] == 0; i += step {
			n++
		}
		return n
	}
	for i, c := range oracleRaw(text) {
		inner := i > 0 && i < len(text)-1
		if inner && c.c == 0 && at(i-1) != 0 && at(i+1) != 0 && run(i, 2)+run(i, -2)-1 >= 4 {
			continue
		}
		all = append(all, c)
	}
	return all
}

type oracleMatch struct {
	start, end  int
	chars       oracleReading // what it is in its reading
	upper       bool
	wide        bool
	left, right bool // the neighbours in the text are those in the reading
	oracleForm
}

// oracleMatches looks at all readings of the text.
func oracleMatches(fs []oracleForm, text string) []oracleMatch {
	base := oracleNarrow(text)
	wide := len(base) != len(text)
	ms := oracleIn(fs, text, oracleRaw(text), false, false)
	add := func(o oracleReading, onlyCodes bool) { ms = append(ms, oracleIn(fs, text, o, wide, onlyCodes)...) }
	if wide {
		add(base, false)
	}
	add(oracleJoin(base), true)
	decode := func(o oracleReading, times int) {
		for range times {
			o = oracleDecode(o)
			add(o, false)
			add(oracleJoin(o), true)
		}
	}
	decode(base, 3)
	quoted := oracleUnquote(base)
	add(quoted, false)
	add(oracleJoin(quoted), true)
	decode(quoted, 2)
	for i, m := range ms {
		for size := 2; size <= min(12, m.start); size++ {
			if n, _ := oracleEscape(text[m.start-size : m.start]); n == size {
				ms[i].left = false
			}
		}
	}
	slices.SortStableFunc(ms, func(a, b oracleMatch) int {
		rank := func(m oracleMatch) int {
			if m.kind == 't' && !m.wide {
				return 0
			}
			return 1
		}
		switch {
		case a.start != b.start:
			return a.start - b.start
		case a.end != b.end:
			return b.end - a.end
		case rank(a) != rank(b):
			return rank(a) - rank(b)
		}
		return slices.IndexFunc(fs, func(f oracleForm) bool { return f == a.oracleForm }) -
			slices.IndexFunc(fs, func(f oracleForm) bool { return f == b.oracleForm })
	})
	return ms
}

// oracleIn looks in one reading. The first characters of an occurrence may
// have been read as part of an escape before it.
func oracleIn(fs []oracleForm, raw string, o oracleReading, wide, onlyCodes bool) (ms []oracleMatch) {
	text := o.text()
	lower := oracleLower(text)
	for _, f := range fs {
		if onlyCodes && f.kind == 't' {
			continue
		}
		for lost := range 5 {
			for from := 0; ; from++ {
				in := text
				if f.letter {
					in = lower
				}
				n := strings.Index(in[min(from, len(in)):], f.text[lost:])
				if n < 0 {
					break
				}
				from += n
				end := from + len(f.text) - lost
				start := o[from].from - lost
				if lost > 0 {
					before := ""
					if start >= 0 {
						before = raw[start : start+lost]
					}
					if f.letter {
						before = oracleLower(before)
					}
					if before != f.text[:lost] || from > 0 && in[from-1] == f.text[lost-1] {
						continue
					}
				}
				if o[end-1].to-start > f.most {
					continue
				}
				m := oracleMatch{start: start, end: o[end-1].to, oracleForm: f}
				m.wide = wide && strings.Contains(raw[start:m.end], "\x00")
				m.chars = append(oracleRaw(raw[start:start+lost]), o[from:end]...)
				for i := range lost {
					m.chars[i].from, m.chars[i].to = start+i, start+i+1
				}
				m.upper = f.letter && strings.ContainsAny(text[from:end], "ABCDEF")
				m.left = lost == 0 && from > 0 && o[from-1].from == start-1 && o[from-1].to == start
				m.right = end < len(o) && o[end].from == m.end && o[end].to == m.end+1
				ms = append(ms, m)
			}
		}
	}
	return ms
}

// oracleLower changes ASCII only, so that no byte moves.
func oracleLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] += 'a' - 'A'
		}
	}
	return string(b)
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
			if m.end <= reach {
				continue
			}
			instead := oracleInstead(m, text)
			for at := reach; at < m.end; at++ {
				switch {
				case silent:
					out[at] = ""
				case m.kind != 't' || m.wide:
					out[at] = instead[at-m.start]
				case at == reach:
					out[at] = "<" + m.name + ">"
				default:
					out[at] = ""
				}
			}
			silent = silent || m.kind == 't' && !m.wide
			reach = m.end
		}
	}
	oracleEdges(ms, hidden, out)
	return strings.Join(out, "")
}

// oracleInstead returns what stands for each byte of a match that is no text.
func oracleInstead(m oracleMatch, text string) []string {
	all := make([]string, m.end-m.start)
	for i := range all {
		all[i] = text[m.start+i:][:1]
	}
	for i, c := range m.chars {
		for at := c.from; at < c.to; at++ {
			all[at-m.start] = ""
		}
		if i > 0 && m.chars[i-1].from == c.from { // one escape of several bytes
			all[c.from-m.start] += oracleFill(m, i)
			continue
		}
		all[c.from-m.start] = oracleFill(m, i)
	}
	// An escape's bytes are written once, before its own first byte is dropped.
	return all
}

// oracleFill returns the character that stands for the i-th of the match.
func oracleFill(m oracleMatch, i int) string {
	stars := strings.Repeat("*", len(m.value))
	var s string
	switch m.kind {
	case 't':
		return "*"
	case 'h':
		s = fmt.Sprintf("%x", stars)
	case ':', ' ', '-':
		s = strings.Repeat("2a"+string(m.kind), len(stars))
	case '6':
		s = oracleCoreText(stars, m.align)
	case '2':
		s = oracleCoreText(oracleCoreText(stars, m.within), m.align)
	}
	if m.upper {
		s = strings.ToUpper(s)
	}
	return s[i : i+1]
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
				if m.kind != '6' || right && (m.end != at || !m.right) || !right && (m.start-1 != at || !m.left) {
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
