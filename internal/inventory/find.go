package inventory

import (
	"net/url"
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

func (f *finder) cookies(at Found, value string) {
	at.Encoding = Cookie
	for start := 0; start <= len(value); {
		end := len(value)
		if n := strings.IndexByte(value[start:], ';'); n >= 0 {
			end = start + n
		}
		from := start
		if n := strings.IndexByte(value[start:end], '='); n >= 0 {
			from = start + n + 1
			f.scan(at, value, start, from)
			in := at
			in.At = access.Location{Kind: access.InCookie, Name: strings.TrimSpace(value[start : from-1])}
			f.scan(in, value, from, end)
		} else {
			f.scan(at, value, start, end)
		}
		start = end + 1
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
	f.scan(at, text, start+n+1, end)
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
		at.Counts = f.counts(name, at.At)
		f.found = append(f.found, at)
		start, floor = to, to
	}
}

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
