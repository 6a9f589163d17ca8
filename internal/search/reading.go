package search

import "bytes"

// reading is a text as it reads, and where in the raw text each of its bytes
// comes from: [from, to).
type reading struct {
	text     []byte
	from, to []int32
	fresh    []stretch // what differs from the reading that it was made of, in order
}

// stretch is a part of a reading: text[from:to].
type stretch struct{ from, to int }

// plain is the reading of a raw text.
func plain(text []byte) *reading {
	r := &reading{text: text, from: make([]int32, len(text)), to: make([]int32, len(text)), fresh: []stretch{{0, len(text)}}}
	for i := range text {
		r.from[i], r.to[i] = int32(i), int32(i+1)
	}
	return r
}

// rewriting makes a reading of another. What is not put is kept.
type rewriting struct {
	old, out *reading
	at       int // up to where old was taken over
}

func rewrite(r *reading) *rewriting { return &rewriting{old: r} }

// put lets size bytes from i on read as text.
func (w *rewriting) put(i, size int, text string) {
	w.keep(i)
	n := len(w.out.text)
	w.out.fresh = append(w.out.fresh, stretch{n, n + len(text)})
	for j := range len(text) {
		w.out.text = append(w.out.text, text[j])
		w.out.from = append(w.out.from, w.old.from[i])
		w.out.to = append(w.out.to, w.old.to[i+size-1])
	}
	w.at = i + size
}

// keep takes over what stands before i.
func (w *rewriting) keep(i int) {
	if w.out == nil {
		n := len(w.old.text)
		w.out = &reading{text: make([]byte, 0, n), from: make([]int32, 0, n), to: make([]int32, 0, n)}
	}
	w.out.text = append(w.out.text, w.old.text[w.at:i]...)
	w.out.from = append(w.out.from, w.old.from[w.at:i]...)
	w.out.to = append(w.out.to, w.old.to[w.at:i]...)
}

// done returns the new reading, which is the old one if nothing was put.
func (w *rewriting) done() *reading {
	if w.out == nil {
		return w.old
	}
	w.keep(len(w.old.text))
	return w.out
}

// narrow leaves the zero bytes of UTF-16 out: those alone between two others,
// four of them in a row two bytes apart.
func narrow(r *reading) *reading {
	w, text := rewrite(r), r.text
	for i := 1; i < len(text)-1; i++ {
		if text[i] == 0 && text[i-1] != 0 && text[i+1] != 0 && zeros(text, i, -2)+zeros(text, i, 2)-1 >= 4 {
			w.put(i, 1, "")
		}
	}
	return w.done()
}

// zeros counts zero bytes from i on in steps, up to four.
func zeros(text []byte, i, step int) (n int) {
	for ; i >= 0 && i < len(text) && text[i] == 0 && n < 4; i += step {
		n++
	}
	return n
}

// Lines of base64 and hex that go on.
const (
	fullLine  = 16 // characters of a line
	farIndent = 64 // blanks before the next one
)

// join leaves out the breaks behind full lines of base64 or hex, and the indent.
func join(r *reading) *reading {
	w, text := rewrite(r), r.text
	for i := 0; ; {
		n := bytes.IndexByte(text[i:], '\n')
		if n < 0 {
			return w.done()
		}
		i += n + 1
		start := i - 1
		if start > 0 && text[start-1] == '\r' {
			start--
		}
		end := i
		for end < len(text) && end-i < farIndent && (text[end] == ' ' || text[end] == '\t') {
			end++
		}
		if end < len(text) && inLine(text[end]) && isFull(text[:start]) {
			w.put(start, end-start, "")
		}
	}
}

func isFull(text []byte) bool {
	for n := 1; n <= fullLine; n++ {
		if n > len(text) || !inLine(text[len(text)-n]) {
			return false
		}
	}
	return true
}

func inLine(c byte) bool {
	return '0' <= c && c <= ':' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '+' || c == '/' || c == '-' || c == '_'
}
