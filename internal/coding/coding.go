// Package coding takes the content codings off a body (RFC 9110 §8.4) that
// comes in pieces: gzip, deflate, br, zstd, and lists of them.
//
// It promises that what its writer has flushed is given as soon as it has come,
// and that how a body is cut makes no difference to what comes out. A body that
// is cut short is an error, and so are bytes behind its end. Whatever comes in,
// memory is bounded: by windows of 8 MiB, and by how much a body may grow.
//
// It deliberately knows no dictionaries (dcb, dcz), encodes nothing, and says
// nothing of what is inside.
package coding

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
)

// maxLayers is how many codings a body may have: two is one by the application
// and one by a server before it.
const maxLayers = 3

// chunkSize is how much is decoded at a time, in bytes.
const chunkSize = 16 << 10

var errLayers = errors.New("too many content codings")

// Decoder decodes one body. It is not safe for concurrent use.
//
// The libraries pull what they decode from a reader, and what comes is pushed:
// they run in a coroutine, which rests where the reader has nothing more.
type Decoder struct {
	in     input
	top    io.Reader // the layer that was put on first
	dst    []byte    // of the Append under way
	err    error     // final; io.EOF behind a good end
	resume func() (struct{}, bool)
	stop   func()
}

// New returns a decoder for a body whose head has these content-encoding lines,
// or nil if nothing is to be decoded. The error names a coding that is unknown;
// it is a token of the head, and as long as 32 bytes.
func New(contentEncoding []string) (*Decoder, error) { return Within(contentEncoding, spare) }

// Within is New for a body that in any stretch may grow by no more than spare bytes
// above its growth.
func Within(contentEncoding []string, spare int64) (*Decoder, error) {
	d := new(Decoder)
	d.top = &d.in
	layers := 0
	for _, name := range slices.Backward(names(contentEncoding)) {
		open, ok := codings[name]
		if !ok {
			return nil, fmt.Errorf("decoding %.32q: unknown content coding", name)
		}
		if layers++; layers > maxLayers {
			return nil, errLayers
		}
		d.top = &layer{name: name, open: open, below: bufio.NewReader(d.top), in: &d.in, spare: spare, credit: spare}
	}
	if layers == 0 {
		return nil, nil
	}
	return d, nil
}

// names lists the codings of a head in the order in which they were applied.
func names(lines []string) (all []string) {
	for name := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		name = strings.ToLower(strings.Trim(name, " \t"))
		if name != "" && name != "identity" {
			all = append(all, name)
		}
	}
	return all
}

// Append takes the next piece of the body, and appends to dst what is behind the
// codings. With last, nothing follows src. A body without a byte is one without
// a byte. An error is final, and quotes nothing of the body.
func (d *Decoder) Append(dst, src []byte, last bool) ([]byte, error) {
	if d.err != nil {
		return dst, d.err
	}
	if d.resume == nil {
		d.resume, d.stop = iter.Pull(d.run)
	}
	d.dst, d.in.rest, d.in.last = dst, src, last
	d.resume()
	dst, d.dst, d.in.rest = d.dst, nil, nil
	if d.err == io.EOF {
		return dst, nil
	}
	return dst, d.err
}

// Close must be called when no more pieces will come; that of nil does nothing.
func (d *Decoder) Close() {
	if d != nil && d.stop != nil {
		d.stop()
	}
}

// run decodes to the end. It yields where the next piece is needed.
func (d *Decoder) run(yield func(struct{}) bool) {
	d.in.wait = func() bool { return yield(struct{}{}) }
	chunk := make([]byte, chunkSize) // a library may hold it over pieces, so it is none of theirs
	for d.err == nil {
		var n int
		n, d.err = d.top.Read(chunk)
		d.dst = append(d.dst, chunk[:n]...)
	}
}
