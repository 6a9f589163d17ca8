package replace

import (
	"bytes"
	"strings"
)

// Flush says where in a text everything before may go at once. No occurrence
// spans a flush point.
type Flush uint8

// The kinds of flush points. The end of a text is one always.
const (
	None  Flush = iota // no other
	Line               // after "\n"
	Event              // after a blank line, as server-sent events end
)

// FlushFor returns the flush points of a text of that content type. An unknown
// type has none.
func FlushFor(contentType string) Flush {
	media, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(media)) {
	case "text/event-stream":
		return Event
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl",
		"application/jsonlines", "application/x-jsonlines", "application/json-seq", "application/stream+json":
		return Line
	}
	return None
}

// release says how many of the n bytes that have not gone yet may go now, where
// flushed of them lie before the last flush point and hold is how many have to
// stay behind it for as long as the text goes on. It is the only rule that
// decides how much is kept: it knows counts, not bytes.
func release(n, flushed, hold int) int {
	return max(flushed, n-hold)
}

// breaks finds the flush points of one text, however it is cut. Its zero value
// stands at the beginning of a text without any.
type breaks struct {
	kind  Flush
	place place
}

// place is where in the lines of an event stream the last byte left us.
type place uint8

const (
	lineStart place = iota // behind a line's end
	afterCR                // behind the "\r" that ends a line: a "\n" still belongs to it
	inLine
)

// next returns how many bytes of src there are through its first flush point,
// or -1 if there is none.
func (b *breaks) next(src []byte) int {
	switch b.kind {
	case Line:
		if i := bytes.IndexByte(src, '\n'); i >= 0 {
			return i + 1
		}
	case Event:
		for i := b.lineEnd(src, 0); i < len(src); i = b.lineEnd(src, i+1) {
			if b.step(src[i]) {
				return i + 1
			}
		}
	}
	return -1
}

// lineEnd returns the next place from i on at which a step can matter: within a
// line that is its end.
func (b *breaks) lineEnd(src []byte, i int) int {
	if b.place != inLine || i >= len(src) {
		return i
	}
	rest := src[i:]
	if n := bytes.IndexByte(rest, '\n'); n >= 0 {
		rest = rest[:n]
	}
	if n := bytes.IndexByte(rest, '\r'); n >= 0 {
		rest = rest[:n]
	}
	return i + len(rest)
}

// step takes one byte of an event stream and tells whether a flush point is
// behind it. Lines end in "\r\n", "\n" or "\r" (HTML standard, 9.2.6). The "\r"
// of an empty line is one already, since the "\n" may never come; if it does, it
// counts as an empty line of its own.
func (b *breaks) step(c byte) bool {
	was := b.place
	switch c {
	case '\n':
		b.place = lineStart
		return was == lineStart
	case '\r':
		if was == inLine {
			b.place = afterCR
			return false
		}
		b.place = lineStart
		return true
	}
	b.place = inLine
	return false
}
