package inventory

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"cloakroom/internal/access"
)

// Find tells every text of headers and of t.Path that looks like a
// placeholder, in order of place: headers first, then the path. Placeholders
// are case-sensitive and are looked for literally, and in Basic authorization
// decoded. With more than MaxFound the rest is cut and overflow told: then
// nothing may be substituted.
//
// A request without any costs one search of its bytes and allocates nothing.
func (s *Set) Find(t access.Target, headers []access.Header) (found []Found, overflow bool) {
	if s == nil || !holdsMark(t.Path, headers) {
		return nil, false
	}
	f := finder{set: s, target: t}
	for i := range headers {
		f.header(i, &headers[i])
	}
	f.path()
	return f.found, f.overflow
}

func holdsMark(path string, headers []access.Header) bool {
	if strings.Contains(path, mark) {
		return true
	}
	for i := range headers {
		h := &headers[i]
		if strings.Contains(h.Value, mark) || carriesBasic(h.Name) && mayHoldBasic(h.Value) {
			return true
		}
	}
	return false
}

// finder is one run of Find.
type finder struct {
	set       *Set
	target    access.Target
	reader    reader
	locations map[string][]access.Location // by credential, where it may stand on target
	quotes    quotes                       // of the cookie lines so far
	found     []Found
	overflow  bool
}

func (f *finder) header(i int, h *access.Header) {
	at := Found{At: access.Location{Kind: access.InHeader, Name: h.Name}, Header: i}
	if h.Name == "cookie" {
		f.cookies(at, h.Value)
		return
	}
	if carriesBasic(h.Name) && mayHoldBasic(h.Value) {
		if text, ok := DecodeBasic(h.Value); ok {
			in := at
			in.Encoding = Basic
			f.scan(in, text, 0, len(text))
		}
	}
	f.scan(at, h.Value, 0, len(h.Value))
}

// cookies splits at ";", as RFC 6265 does. Servers of older cookies also know
// quoted strings, in which ";" parts nothing, and part at ",": what one of them
// would give another name stands at header:cookie, which no rule can name.
func (f *finder) cookies(at Found, value string) {
	at.Encoding = Cookie
	for start := 0; start <= len(value); {
		end := len(value)
		if n := strings.IndexByte(value[start:], ';'); n >= 0 {
			end = start + n
		}
		pair, from := start, start
		if n := strings.IndexByte(value[start:end], '='); n >= 0 && !f.quotes.open() {
			from = start + n + 1
			f.scan(at, value, start, from)
			in := at
			in.At = access.Location{Kind: access.InCookie, Name: strings.TrimSpace(value[start : from-1])}
			start, from = from, end
			if n := strings.IndexByte(value[start:end], ','); n >= 0 {
				from = start + n
			}
			f.scan(in, value, start, from)
		}
		f.scan(at, value, from, end)
		start = end + 1
		f.quotes.read(value[pair:min(start, len(value))])
	}
}

// quotes tells whether some server would take what follows for the inside of a
// quoted string: of those that know escapes in one, and those that do not.
type quotes struct{ plain, escaping, escaped bool }

func (q *quotes) open() bool { return q.plain || q.escaping }

func (q *quotes) read(text string) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case q.escaped:
			q.escaped = false
			q.plain = q.plain != (c == '"')
		case c == '"':
			q.plain, q.escaping = !q.plain, !q.escaping
		case c == '\\':
			q.escaped = q.escaping
		}
	}
}

func (f *finder) path() {
	text := f.target.Path
	question := len(pathPart(text))
	f.scan(Found{At: access.Location{Kind: access.InPath}, Header: -1, Encoding: Path}, text, 0, question)
	at := Found{At: access.Location{Kind: access.InQuery}, Header: -1, Encoding: Query}
	for start := question + 1; start <= len(text); {
		end := len(text)
		if n := strings.IndexByte(text[start:], '&'); n >= 0 {
			end = start + n
		}
		if strings.Contains(text[start:end], mark) {
			f.parameter(at, text, start, end)
		}
		start = end + 1
	}
}

func (f *finder) parameter(at Found, text string, start, end int) {
	n := strings.IndexByte(text[start:end], '=')
	if n < 0 {
		f.scan(at, text, start, end)
		return
	}
	f.scan(at, text, start, start+n)
	// A name that does not decode is no name that a rule could mean.
	at.At.Name, _ = url.QueryUnescape(text[start : start+n])
	start += n + 1
	n = separator(text[start:end])
	f.scan(at, text, start, start+n)
	at.At.Name = ""
	f.scan(at, text, start+n, end)
}

// separator is where value ends for a backend that also parts parameters at
// ";", or that decodes before it parts them: what follows would have a name of
// its own there.
func separator(value string) int {
	for i := 0; i < len(value); i++ {
		if value[i] == ';' {
			return i
		}
		if value[i] != '%' {
			continue
		}
		code := value[i+1:]
		for strings.HasPrefix(code, "25") { // encoded several times
			code = code[2:]
		}
		if strings.HasPrefix(code, "26") || strings.HasPrefix(code, "3b") || strings.HasPrefix(code, "3B") {
			return i
		}
	}
	return len(value)
}

// scan finds the placeholders in text[start:end]; at says where that is.
func (f *finder) scan(at Found, text string, start, end int) {
	for floor := start; !f.overflow; {
		from, to, name, ok := next(text[:end], start)
		if !ok {
			return
		}
		if len(f.found) == MaxFound {
			f.overflow = true
			return
		}
		at.Start, at.End, at.Name, at.Named = from, to, name, false
		if c := f.set.byName[name]; c != nil {
			at.Named = text[from:to] == c.Placeholder[len(c.Prefix):]
			if strings.HasSuffix(text[floor:from], c.Prefix) {
				at.Start -= len(c.Prefix)
			}
		}
		at.Text = text[at.Start:at.End]
		at.Counts = f.counts(name, at.At) && !inEscape(text[:at.Start])
		f.found = append(f.found, at)
		start, floor = to, to
	}
}

// inEscape tells whether what follows before begins within an escape of a URL, of
// JSON or of HTML, also one that is encoded itself: there the first characters of
// a value would be decoded to another, and no mask would find the rest. What
// stands in a query or a field may be any of these to the backend.
func inEscape(before string) bool {
	tail := before[max(0, len(before)-farEscape):]
	if !strings.ContainsAny(tail, `%\&`) {
		return begunEscape.MatchString(tail)
	}
	for range maxDecodes + 1 {
		if openEscape.MatchString(tail) {
			return true
		}
		tail, _ = decodeAll(tail)
	}
	return false
}

// farEscape is how far an escape may reach, encoded as often as paths may be.
const farEscape = 64

var (
	openEscape = regexp.MustCompile(`(%[0-9A-Fa-f]?|\\(u[0-9A-Fa-f]{0,3}|x[0-9A-Fa-f]?)?|&#([0-9]{0,6}|[xX][0-9A-Fa-f]{0,5}))$`)
	// begunEscape is what is left of one whose backslash was an escape itself, in a
	// string of JSON.
	begunEscape = regexp.MustCompile(`^(u[0-9A-Fa-f]{0,3}|x[0-9A-Fa-f]?)$`)
)

func (f *finder) counts(name string, at access.Location) bool {
	if (access.Location{Kind: access.InCredentials}).Covers(at) {
		return true
	}
	c := f.set.byName[name]
	if c == nil {
		return false
	}
	in, ok := f.locations[name]
	if !ok {
		in, _ = c.permits(f.target, &f.reader)
		if f.locations == nil {
			f.locations = map[string][]access.Location{}
		}
		f.locations[name] = in
	}
	return slices.ContainsFunc(in, func(l access.Location) bool { return l.Covers(at) })
}

// next finds the first text at or after i that has a placeholder's form.
func next(text string, i int) (start, end int, name string, ok bool) {
	for {
		n := strings.Index(text[i:], mark)
		if n < 0 {
			return 0, 0, "", false
		}
		start = i + n
		if name, end, ok = parse(text, start); ok {
			return start, end, name, true
		}
		i = start + len(mark)
	}
}

// parse reads the placeholder that begins with the mark at start.
func parse(text string, start int) (name string, end int, ok bool) {
	from := start + len(mark)
	to := from
	for to < len(text) && to-from <= maxName && isNameByte(text[to]) {
		to++
	}
	end = to + 1 + suffixLength
	if to == from || to-from > maxName || end > len(text) || text[to] != '_' {
		return "", 0, false
	}
	for _, c := range []byte(text[to+1 : end]) {
		if !isSuffixByte(c) {
			return "", 0, false
		}
	}
	return text[from:to], end, true
}
