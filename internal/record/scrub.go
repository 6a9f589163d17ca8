package record

import (
	"encoding/base64"
	"regexp"
	"strings"
)

const (
	ticketMark = "[ticket]"
	tokenMark  = "[token]"
)

// decodings is how many layers of percent-encoding and JSON's \u00XX are looked through.
const decodings = 3

// placeholderLike also takes a suffix that was cut short: a ticket of which a
// few characters are missing can be guessed.
var placeholderLike = regexp.MustCompile(`(?i)ckr_[a-z0-9-]{1,48}_([0-9a-z]{16,26})`)

// scrub cuts the suffix of whatever looks like a placeholder and is not in one
// of the named texts, and replaces whatever looks like a JWT. It looks through
// percent-encoding.
func scrub(s string, named []string) string {
	if !suspicious(s) {
		return s
	}
	plain, at := unescape(s)
	var cuts []cut
	for _, m := range placeholderLike.FindAllStringSubmatchIndex(plain, -1) {
		if !contained(plain[m[0]:m[1]], named) {
			cuts = append(cuts, cut{at[m[2]], at[m[3]], ticketMark})
		}
	}
	if len(cuts) > 0 {
		s = apply(s, cuts)
		plain, at = unescape(s)
	}
	return apply(s, tokens(plain, at))
}

// suspicious is a cheap test that passes everything that scrub may change.
func suspicious(s string) bool {
	for i := 0; i+1 < len(s); i++ {
		switch s[i] {
		case '%', '\\':
			return true
		case 'c', 'C':
			if s[i+1]|0x20 == 'k' {
				return true
			}
		case 'e':
			if s[i+1] == 'y' || s[i+1] == 'w' {
				return true
			}
		}
	}
	return false
}

func contained(text string, in []string) bool {
	for _, n := range in {
		if strings.Contains(n, text) {
			return true
		}
	}
	return false
}

// cut is a part of a text, and what comes in its place.
type cut struct {
	start, end int
	with       string
}

// apply makes the cuts, which are in order and do not overlap.
func apply(s string, cuts []cut) string {
	if len(cuts) == 0 {
		return s
	}
	var b strings.Builder
	from := 0
	for _, c := range cuts {
		b.WriteString(s[from:c.start])
		b.WriteString(c.with)
		from = c.end
	}
	b.WriteString(s[from:])
	return b.String()
}

// unescape undoes up to three layers of escapes; at[i] is where the
// i-th byte of plain begins in s, and at[len(plain)] is len(s).
func unescape(s string) (plain string, at []int) {
	at = make([]int, len(s)+1)
	for i := range at {
		at[i] = i
	}
	plain = s
	for range decodings {
		if !strings.ContainsAny(plain, `%\`) {
			break
		}
		out, n := make([]byte, 0, len(plain)), 0
		for i := 0; i < len(plain); n++ {
			at[n] = at[i]
			c, width := escaped(plain[i:])
			out = append(out, c)
			i += width
		}
		at[n] = len(s)
		plain = string(out)
	}
	return plain, at[:len(plain)+1]
}

// escaped is the first byte of s, which may be escaped, and how many bytes it takes
// there.
func escaped(s string) (byte, int) {
	for _, begin := range [...]string{"%", `\u00`} {
		n := len(begin)
		if len(s) < n+2 || s[:n] != begin {
			continue
		}
		if hi, lo := unhex(s[n]), unhex(s[n+1]); hi >= 0 && lo >= 0 {
			return byte(hi<<4 | lo), n + 2
		}
	}
	return s[0], 1
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// tokens finds what looks like a JWT.
func tokens(plain string, at []int) []cut {
	var cuts []cut
	for _, span := range tokenSpans(plain) {
		cuts = append(cuts, cut{at[span[0]], at[span[1]], tokenMark})
	}
	return cuts
}

// tokenSpans finds what looks like a JWT: base64url of a JSON object's
// beginning, a dot, and more. It takes everything up to the end of the run of a
// token's characters, in linear time.
func tokenSpans(plain string) (spans [][2]int) {
	for i := 0; i < len(plain); {
		if !TokenByte(plain[i]) {
			i++
			continue
		}
		end := i
		for end < len(plain) && TokenByte(plain[end]) {
			end++
		}
		if start := tokenStart(plain[i:end]); start >= 0 {
			spans = append(spans, [2]int{i + start, end})
		}
		i = end
	}
	return spans
}

// TokenByte tells whether c may stand in a token or a ticket.
func TokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '_' || c == '-' || c == '.'
}

// tokenStart is where a JWT begins in a run of a token's characters, or -1.
func tokenStart(run string) int {
	const shortest = 10 // of a header
	dot := -1
	for i := 0; i+shortest < len(run); i++ {
		if dot < i {
			next := strings.IndexByte(run[i:], '.')
			if next < 0 {
				return -1
			}
			dot = i + next
		}
		if run[i] == 'e' && dot-i >= shortest && dot+1 < len(run) && opensObject(run[i:i+4]) {
			return i
		}
	}
	return -1
}

// opensObject tells whether four characters of base64url are a brace, and then
// a quote or a space.
func opensObject(four string) bool {
	var b [3]byte
	n, err := base64.RawURLEncoding.Decode(b[:], []byte(four))
	return err == nil && n == 3 && b[0] == '{' && strings.IndexByte("\" \t\r\n", b[1]) >= 0
}
