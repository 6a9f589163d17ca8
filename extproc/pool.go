package extproc

import (
	"math/bits"
	"sync"

	"google.golang.org/grpc/mem"
)

// buffers lends memory to messages. gRPC's own pool clears a whole MiB for every
// message that is longer than 32 KiB, which took more time than all that is done
// with one. Here nothing is cleared: who gets a buffer writes all of it.
var buffers mem.BufferPool = new(pool)

// pool is one sync.Pool for each power of two from 1<<smallest to 1<<largest
// bytes. Other lengths are not kept.
type pool struct {
	sizes [largest - smallest + 1]sync.Pool
}

const (
	smallest = 10
	largest  = 21 // a piece of a body as Envoy sends it, and what stands around it
)

// Get returns a buffer of that length, with anything in it.
func (p *pool) Get(length int) *[]byte {
	size := bits.Len(uint(max(length, 1) - 1)) // the least that serves
	if size < smallest || size > largest {
		b := make([]byte, length)
		return &b
	}
	b, ok := p.sizes[size-smallest].Get().(*[]byte)
	if !ok {
		b = new(make([]byte, 1<<size))
	}
	*b = (*b)[:length]
	return b
}

// Put takes a buffer back, at the capacity that it has by now.
func (p *pool) Put(b *[]byte) {
	size := bits.Len(uint(cap(*b))) - 1 // the most that it serves
	if size >= smallest && size <= largest {
		*b = (*b)[:1<<size]
		p.sizes[size-smallest].Put(b)
	}
}

// room returns b with room for n more bytes; give takes it back in the end.
func room(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	more := (*buffers.Get(len(b) + n))[:len(b)]
	copy(more, b)
	give(b)
	return more
}

func give(b []byte) { buffers.Put(&b) }
