package recording

import (
	"sync"
	"time"

	"cloakroom/internal/record"

	"github.com/klauspost/compress/zstd"
)

// plainMax is the most that a part holds before it is compressed, in bytes.
const plainMax = 64 << 20

// part is a part of a tape on its way to the disk.
type part struct {
	record.Part        // where it stands; what a failing sync took back moves
	exchange    string // an id of record.NewID's form
	number      int    // among its tape's
	payload     []byte // compressed; nil once it is on disk
	lost        bool   // it was given up
	class       *class
	share       *share
	expires     time.Time // zero: never
}

// payloads are buffers of parts that are on disk.
var payloads = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// compressor makes payloads. Its zero value is not usable.
var compressor = must(zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false),
	zstd.WithWindowSize(64<<10), zstd.WithLowerEncoderMem(true), zstd.WithNoEntropyCompression(true)))

// expander undoes it, and refuses what would become longer than plainMax.
var expander = must(zstd.NewReader(nil, zstd.WithDecoderMaxMemory(plainMax), zstd.WithDecoderConcurrency(0)))

// must is for options that are constants.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newPart(s *share, exchange string, number int, plain []byte) *part {
	buf := payloads.Get().(*[]byte)
	return &part{share: s, exchange: exchange, number: number, payload: compressor.EncodeAll(plain, (*buf)[:0])}
}

// settled tells that the part is on disk, and gives its memory back.
func (p *part) settled() {
	const keep = 64 << 10
	if cap(p.payload) <= keep {
		b := p.payload
		payloads.Put(&b)
	}
	p.payload = nil
}
