package coding

import (
	"bufio"
	"errors"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is how far back a body may refer, in bytes. RFC 9659 asks it of
// zstd; br could go twice as far.
const maxWindow = 8 << 20

var errWindow = errors.New("its window is too large")

// codings opens each coding by its registered name.
var codings = map[string]func(*bufio.Reader) (io.Reader, error){
	"gzip":    openGzip, // RFC 1952, any number of members
	"x-gzip":  openGzip,
	"deflate": openDeflate,
	"br":      openBrotli, // RFC 7932
	"zstd":    openZstd,   // RFC 8878, any number of frames
}

func openGzip(r *bufio.Reader) (io.Reader, error) {
	member, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	member.Multistream(false)
	return &gzipReader{member, r}, nil
}

// gzipReader reads member by member: the library would keep the end of one until
// the next has begun.
type gzipReader struct {
	member *gzip.Reader
	below  *bufio.Reader
}

func (g *gzipReader) Read(p []byte) (int, error) {
	for {
		n, err := g.member.Read(p)
		if n > 0 && err == io.EOF {
			return n, nil // the member says so again
		}
		if n > 0 || err != io.EOF {
			return n, err
		}
		if _, err := g.below.Peek(1); err != nil {
			return 0, err
		}
		if err := g.member.Reset(g.below); err != nil {
			return 0, noEOF(err)
		}
		g.member.Multistream(false)
	}
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// openDeflate reads zlib (RFC 1950), which the name stands for, or the bare
// deflate (RFC 1951) that some servers send. One that looked like the other
// would begin with a stored block whose padding is not zero.
func openDeflate(r *bufio.Reader) (io.Reader, error) {
	head, err := r.Peek(2)
	if err != nil {
		return nil, err
	}
	const deflate32K, check = 8, 31
	if head[0]&0x0f == deflate32K && head[0]>>4 <= 7 && (int(head[0])<<8|int(head[1]))%check == 0 {
		return zlib.NewReader(r)
	}
	return flate.NewReaderOpts(r, flate.WithPartialBlock()), nil
}

// openBrotli refuses the one window above maxWindow, which the four lowest bits
// of the first byte tell (RFC 7932 §9.1).
func openBrotli(r *bufio.Reader) (io.Reader, error) {
	head, err := r.Peek(1)
	if err != nil {
		return nil, err
	}
	const window16M = 0xf
	if head[0]&0xf == window16M {
		return nil, errWindow
	}
	return &brotliReader{brotli.NewReader(buffered{r}), r}, nil
}

// brotliReader tells the library that all has ended wherever nothing more has
// come: only to that does it say whether its body has ended too. Else it would
// swallow a byte behind the end.
type brotliReader struct {
	*brotli.Reader
	below *bufio.Reader
}

func (b *brotliReader) Read(p []byte) (int, error) {
	for {
		n, err := b.Reader.Read(p)
		if n > 0 || err != io.ErrUnexpectedEOF {
			return n, err
		}
		if _, more := b.below.Peek(1); more == io.EOF {
			return 0, err
		} else if more != nil {
			return 0, more
		}
	}
}

// buffered reads what has come.
type buffered struct{ *bufio.Reader }

func (b buffered) Read(p []byte) (int, error) {
	if b.Buffered() == 0 {
		return 0, io.EOF
	}
	return b.Reader.Read(p)
}

// openZstd reads in the coroutine itself: with a concurrency of one the library
// starts nothing that would have to be closed.
func openZstd(r *bufio.Reader) (io.Reader, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow))
}
