package recording

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"time"
	"unicode/utf8"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
)

// line appends one line of a part, a JSON object, field by field.
type line struct{ buf []byte }

// open begins the line.
func (l *line) open() { l.buf = append(l.buf, '{') }

// close ends it.
func (l *line) close() { l.buf = append(l.buf, '}', '\n') }

// closeWith ends it with data, which stands behind it as it is, and a line feed.
func (l *line) closeWith(data []byte) {
	if len(data) == 0 {
		l.close()
		return
	}
	l.number("data", int64(len(data)))
	l.close()
	l.buf = append(append(l.buf, data...), '\n')
}

func (l *line) key(name string) {
	if l.buf[len(l.buf)-1] != '{' {
		l.buf = append(l.buf, ',')
	}
	l.buf = append(l.buf, '"')
	l.buf = append(l.buf, name...)
	l.buf = append(l.buf, '"', ':')
}

func (l *line) number(name string, n int64) {
	l.key(name)
	l.buf = strconv.AppendInt(l.buf, n, 10)
}

func (l *line) flag(name string, b bool) {
	if b {
		l.key(name)
		l.buf = append(l.buf, "true"...)
	}
}

// text appends a field that is left out when it is empty.
func (l *line) text(name, s string) {
	if s != "" {
		l.key(name)
		l.buf = appendText(l.buf, s)
	}
}

func (l *line) masked(counts map[string]int) {
	if len(counts) == 0 {
		return
	}
	l.key("masked")
	l.buf = append(l.buf, '{')
	for i, c := range record.Counts(counts) {
		if i > 0 {
			l.buf = append(l.buf, ',')
		}
		l.buf = append(appendText(l.buf, c.Name), ':')
		l.buf = strconv.AppendInt(l.buf, int64(c.N), 10)
	}
	l.buf = append(l.buf, '}')
}

func (l *line) headers(hs []access.Header, clean func(access.Header) (name, value string)) {
	if len(hs) == 0 {
		return
	}
	l.key("headers")
	l.buf = append(l.buf, '[')
	for i, h := range hs {
		if i > 0 {
			l.buf = append(l.buf, ',')
		}
		name, value := clean(h)
		l.buf = append(l.buf, '[')
		l.buf = appendText(l.buf, name)
		l.buf = append(l.buf, ',')
		l.buf = appendText(l.buf, value)
		l.buf = append(l.buf, ']')
	}
	l.buf = append(l.buf, ']')
}

// at appends a time, in microseconds since the exchange began.
func (l *line) at(at time.Duration) { l.number("at", at.Microseconds()) }

func (l *line) sum(name string, s Sum) {
	l.key(name)
	l.buf = append(l.buf, '{')
	l.number("bytes", s.Bytes)
	l.number("kept", s.Kept)
	if s.SHA256 != (record.Hash{}) {
		l.key("sha256")
		l.buf = append(l.buf, '"')
		l.buf = hex.AppendEncode(l.buf, s.SHA256[:])
		l.buf = append(l.buf, '"')
	}
	l.buf = append(l.buf, '}')
}

// appendText appends s as a JSON string; where it is not UTF-8, as a list of one
// string, which is its base64.
func appendText(buf []byte, s string) []byte {
	if !utf8.ValidString(s) {
		buf = append(buf, '[', '"')
		buf = base64.StdEncoding.AppendEncode(buf, []byte(s))
		return append(buf, '"', ']')
	}
	buf = append(buf, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c != 0x7f {
			continue
		}
		buf = append(buf, s[from:i]...)
		buf = appendEscape(buf, c)
		from = i + 1
	}
	buf = append(buf, s[from:]...)
	return append(buf, '"')
}

func appendEscape(buf []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(buf, '\\', c)
	case '\n':
		return append(buf, '\\', 'n')
	case '\r':
		return append(buf, '\\', 'r')
	case '\t':
		return append(buf, '\\', 't')
	}
	return append(buf, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}
