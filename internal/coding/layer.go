package coding

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// A body may grow by growth for each of its bytes, and in any stretch by spare
// bytes more. Text seldom grows by 50; Envoy's own decompressor allows 100 too.
const (
	growth = 100
	spare  = 8 << 20
)

var (
	errClosed = errors.New("closed before its end")
	errBehind = errors.New("bytes behind the end")
	errGrowth = errors.New("it grows too much")
)

// input is the piece that is being read.
type input struct {
	rest  []byte
	last  bool
	wait  func() bool // for the next piece; false: none will come
	taken int64       // bytes read so far
}

func (in *input) Read(p []byte) (int, error) {
	for len(in.rest) == 0 {
		if in.last {
			return 0, io.EOF
		}
		if !in.wait() {
			return 0, errClosed
		}
	}
	n := copy(p, in.rest)
	in.rest = in.rest[n:]
	in.taken += int64(n)
	return n, nil
}

// layer reads one coding off what is below.
type layer struct {
	name   string
	open   func(*bufio.Reader) (io.Reader, error)
	below  *bufio.Reader
	decode io.Reader // nil before the first byte
	err    error     // final

	in     *input
	seen   int64 // of in.taken
	spare  int64 // bytes that may come out of none
	credit int64 // bytes that may still come out; at first spare
}

func (l *layer) Read(p []byte) (n int, err error) {
	if l.err == nil {
		n, l.err = l.read(p)
	}
	return n, l.err
}

func (l *layer) read(p []byte) (int, error) {
	if l.decode == nil {
		if err := l.begin(); err != nil {
			return 0, err
		}
	}
	n, err := l.decode.Read(p)
	if !l.affords(n) {
		return 0, l.broken(errGrowth)
	}
	if err != io.EOF {
		return n, l.broken(err)
	}
	if n > 0 { // goes before what is behind it is waited for
		l.decode = bytes.NewReader(nil)
		return n, nil
	}
	return 0, l.end()
}

// begin opens the coding. Without a byte there is nothing to open.
func (l *layer) begin() (err error) {
	if _, err = l.below.Peek(1); err == io.EOF {
		return io.EOF
	}
	if err == nil {
		l.decode, err = l.open(l.below)
	}
	return l.broken(noEOF(err))
}

// end demands that what is below ends too, well.
func (l *layer) end() error {
	_, err := l.below.ReadByte()
	if err == io.EOF {
		return io.EOF
	}
	if err == nil {
		err = errBehind
	}
	return l.broken(err)
}

// broken says which layer an error is of. It hides which error it was: a library
// would take another layer's io.ErrUnexpectedEOF for a good end.
func (l *layer) broken(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("decoding %q: %v", l.name, err)
}

// affords tells whether n more bytes may come out. Every layer is measured by
// the bytes of the body, so that layers do not multiply.
func (l *layer) affords(n int) bool {
	if came := l.in.taken - l.seen; came > 0 {
		l.credit = min(l.credit, l.spare) + growth*came
	}
	l.seen = l.in.taken
	l.credit -= int64(n)
	return l.credit >= 0
}
