package main

import (
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"cloakroom/internal/replace"
)

// memory is how fast bytes can be had at all; MB/s of every round.
type memory struct{ read, copied []float64 }

// round reads each byte of a text once, and copies it as a Rewriter would.
func (m *memory) round(text []byte, long time.Duration) {
	var sum uint64
	words := unsafe.Slice((*uint64)(unsafe.Pointer(&text[0])), len(text)/8)
	m.read = append(m.read, speed(len(text), long, func() {
		var a, b, c, d uint64
		for ; len(words) >= 8; words = words[8:] {
			w := words[:8:8]
			a, b, c, d = a+w[0]+w[4], b+w[1]+w[5], c+w[2]+w[6], d+w[3]+w[7]
		}
		sum += a + b + c + d
		words = unsafe.Slice((*uint64)(unsafe.Pointer(&text[0])), len(text)/8)
	}))
	runtime.KeepAlive(sum) // or the compiler leaves the reads out
	dst := make([]byte, bigChunk)
	m.copied = append(m.copied, speed(len(text), long, func() {
		for at := 0; at < len(text); at += bigChunk {
			copy(dst, text[at:])
		}
	}))
}

// pause is how many bytes go by between two looks at the clock.
const pause = 256 << 10

// speed does something with n bytes over and over for about so long, and
// returns MB/s. The time is this thread's own: others may share its core.
func speed(n int, long time.Duration, do func()) float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	bytes := 0
	start := threadTime()
	for threadTime()-start < long {
		do()
		bytes += n
	}
	return float64(bytes) / 1e6 / (threadTime() - start).Seconds()
}

// threadTime is how long this thread has run.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err) // every Linux has it
	}
	return time.Duration(t.Nano())
}

// compiling is what it costs to compile values.
type compiling struct {
	values     int
	took       time.Duration
	kept, most uint64 // bytes of the heap: afterwards, and at most meanwhile
}

// measureCompile compiles the values with nothing else on the heap.
func measureCompile(values [][]byte) (compiling, error) {
	all := secrets(values)
	runtime.GC()
	before := heap()
	var most atomic.Uint64
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			most.Store(max(most.Load(), heap()))
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	start := time.Now()
	set, err := replace.Compile(all)
	took := time.Since(start)
	close(done)
	<-ended
	runtime.GC()
	after := heap()
	runtime.KeepAlive(set)
	runtime.KeepAlive(all)
	return compiling{values: len(values), took: took, kept: after - before, most: max(most.Load(), after) - before}, err
}

// heap is how many bytes objects take, those that are garbage too.
func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
