package verify

import (
	"bufio"
	"bytes"

	"golang.org/x/mod/sumdb/tlog"
)

// evidenceWriter writes lines and counts their bytes. Errors stay for Flush.
type evidenceWriter struct {
	*bufio.Writer
	n int64
}

func (w *evidenceWriter) Write(b []byte) (int, error) {
	w.n += int64(len(b))
	return w.Writer.Write(b)
}

func (w *evidenceWriter) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

func (w *evidenceWriter) line(key, rest string) {
	if rest != "" {
		key += " "
	}
	w.WriteString(key + rest + "\n")
}

// text writes the lines of a text.
func (w *evidenceWriter) text(text []byte) {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		for mark := "> "; mark == "> " || len(line) > 0; mark = "+ " {
			n := min(len(line), textLine)
			w.WriteString(mark)
			w.Write(line[:n])
			w.WriteString("\n")
			line = line[n:]
		}
	}
}

func (w *evidenceWriter) proof(hashes []tlog.Hash) {
	w.WriteString("proof")
	for _, h := range hashes {
		w.WriteString(" " + h.String())
	}
	w.WriteString("\n")
}
