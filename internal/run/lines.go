package run

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

const longestLine = 16 << 10

// lines writes whole lines to w, each with prefix before it, and remembers the
// last error among them. A line longer than longestLine is cut.
type lines struct {
	mu      sync.Mutex
	w       io.Writer
	prefix  string
	partial []byte
	last    string // the last line of all
	problem string // the last line that Envoy marks as an error
}

func newLines(w io.Writer, prefix string) *lines {
	if w == nil {
		w = io.Discard
	}
	return &lines{w: w, prefix: prefix}
}

// Write never fails: Envoy must not stall on a log that is gone.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	for {
		head, rest, whole := bytes.Cut(p, []byte("\n"))
		if room := longestLine - len(l.partial); len(head) > room {
			head = head[:max(room, 0)]
		}
		l.partial = append(l.partial, head...)
		if !whole {
			return n, nil
		}
		l.emit()
		p = rest
	}
}

// line writes one line of our own.
func (l *lines) line(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	io.WriteString(l.w, l.prefix+text+"\n")
}

func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.partial) > 0 {
		l.emit()
	}
}

func (l *lines) emit() {
	text := strings.TrimRight(string(l.partial), "\r")
	l.partial = l.partial[:0]
	if text == "" {
		return
	}
	l.last = text
	if strings.HasPrefix(text, "error ") || strings.HasPrefix(text, "critical ") {
		l.problem = text
	}
	io.WriteString(l.w, l.prefix+text+"\n")
}

// why is what Envoy said before it ended: its last error, else its last line.
func (l *lines) why() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.problem != "" {
		return l.problem
	}
	return l.last
}
