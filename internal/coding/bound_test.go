package coding

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"math/rand"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// zeros is n bytes of nothing, coded.
func zeros(t testing.TB, codings string, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	s := newStack(&b, codings)
	for block := make([]byte, 1<<20); n > 0; n -= len(block) {
		s.write(block[:min(n, len(block))])
	}
	s.close(t)
	return b.Bytes()
}

// allocated is how many bytes of memory f asks for in all.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestBombs: a body that grows too much is an error before it has grown by more
// than the rule allows, also when honest bytes come before it.
func TestBombs(t *testing.T) {
	noise := make([]byte, 1<<20)
	rand.New(rand.NewSource(1)).Read(noise)
	for _, codings := range []string{"gzip", "deflate", "raw", "br", "zstd", "gzip, gzip", "zstd, br", "gzip, gzip, gzip"} {
		t.Run(codings, func(t *testing.T) {
			for name, bomb := range map[string][]byte{
				"at once":     zeros(t, codings, 24<<20),
				"behind text": bytes.Join([][]byte{encode(t, "gzip", noise), zeros(t, "gzip", 24<<20)}, nil),
			} {
				if name == "behind text" && codings != "gzip" {
					continue
				}
				d := decoder(t, codings)
				var err error
				out := make([]byte, 0, 32<<20)
				memory := allocated(func() {
					for piece := range slices.Chunk(bomb, 16<<10) {
						if out, err = d.Append(out[:0], piece, false); err != nil {
							break
						}
						if len(out) > spare+growth*(16<<10) {
							t.Fatalf("%s: %d bytes out of one piece", name, len(out))
						}
					}
				})
				if err == nil || !strings.HasSuffix(err.Error(), errGrowth.Error()) {
					t.Errorf("%s: %v", name, err)
				}
				if memory > 48<<20 {
					t.Errorf("%s: %d MiB were allocated", name, memory>>20)
				}
			}
		})
	}
}

// TestHonestBodies grow much, and pass however they are cut.
func TestHonestBodies(t *testing.T) {
	var long []byte // 20 MB that compress by some 60
	noise := rand.New(rand.NewSource(1))
	for range 10_000 {
		long = fmt.Appendf(append(long, text(2000)...), "%016x%016x", noise.Int63(), noise.Int63())
	}
	for codings, coded := range map[string][]byte{
		"gzip": encode(t, "gzip", long), "br": encode(t, "br", long), "zeros": zeros(t, "zstd", spare),
	} {
		for _, size := range []int{100, 16 << 10, 1 << 20} {
			out, err := decode(t, strings.ReplaceAll(codings, "zeros", "zstd"), append(slices.Collect(slices.Chunk(coded, size)), nil)...)
			if err != nil || len(out) < spare {
				t.Errorf("%s of %d bytes in pieces of %d: %d bytes, %v", codings, len(coded), size, len(out), err)
			}
		}
	}
}

func TestWindows(t *testing.T) {
	const skip = 20
	want := text(skip)
	br := func(bits int) []byte {
		var b bytes.Buffer
		w := brotli.NewWriterOptions(&b, brotli.WriterOptions{Quality: 2, LGWin: bits})
		must(w.Write(want))
		must(0, w.Close())
		return b.Bytes()
	}
	frame := func(window int) []byte {
		var b bytes.Buffer
		w := must(zstd.NewWriter(&b, zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1)))
		must(w.Write(want))
		must(0, w.Flush()) // so that it does not know the size
		must(0, w.Close())
		return b.Bytes()
	}
	for _, tt := range []struct {
		name, coding string
		coded        []byte
		good         bool
	}{
		{"the least", "br", br(10), true}, {"16 KiB", "br", br(14), true}, {"64 KiB", "br", br(16), true},
		{"4 MiB", "br", br(22), true}, {"8 MiB", "br", br(23), true}, {"16 MiB", "br", br(24), false},
		{"the least", "zstd", frame(1 << 10), true}, {"8 MiB", "zstd", frame(8 << 20), true}, {"16 MiB", "zstd", frame(16 << 20), false},
		{"a segment of 1 GiB", "zstd", []byte("\x28\xb5\x2f\xfd\xa0\x00\x00\x00\x40\x01\x00\x00"), false},
		{"more than br has", "br", []byte{0x11, 0x3f, 0, 0, 0}, false},
	} {
		memory := allocated(func() {
			out, err := decode(t, tt.coding, tt.coded)
			if (err == nil) != tt.good || tt.good && !bytes.Equal(out, want) {
				t.Errorf("%s %s: %q, %v", tt.coding, tt.name, out, err)
			}
		})
		if memory > 2*maxWindow+1<<20 {
			t.Errorf("%s %s: %d MiB were allocated", tt.coding, tt.name, memory>>20)
		}
	}
}

// TestSteadyStateAllocatesNothing: a long body costs no more than its beginning.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	for _, codings := range []string{"gzip", "deflate", "raw", "br", "zstd", "gzip, gzip"} {
		coded := encode(t, codings, text(2<<20))
		d := decoder(t, codings)
		var out []byte
		feed := func(n int) {
			for range n {
				var err error
				if out, err = d.Append(out[:0], coded[:1024], false); err != nil {
					t.Fatal(err)
				}
				coded = coded[1024:]
			}
		}
		feed(100)
		if n := testing.AllocsPerRun(10, func() { feed(20) }); n > 20 {
			t.Errorf("%s: %v allocations in 20 pieces", codings, n)
		}
	}
}

var sink int

// BenchmarkAppend decodes JSON in pieces of 16 KiB.
func BenchmarkAppend(b *testing.B) {
	body := text(4 << 20)
	for _, codings := range []string{"gzip", "deflate", "br", "zstd"} {
		coded := encode(b, codings, body)
		b.Run(codings, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			var out []byte
			for b.Loop() {
				d := must(New([]string{codings}))
				for piece := range slices.Chunk(coded, 16<<10) {
					out = must(d.Append(out[:0], piece, false))
				}
				out = must(d.Append(out[:0], nil, true))
				d.Close()
				sink += len(out)
			}
		})
	}
}

// FuzzAppend decodes hostile bytes, cut anywhere. What comes out is what the
// library makes of the whole, or an error.
func FuzzAppend(f *testing.F) {
	for i, codings := range oracleNames {
		coded := encode(f, codings, text(500))
		f.Add(coded, uint8(i), uint16(7))
		f.Add(coded[:len(coded)/2], uint8(i), uint16(1))
		f.Add(append(coded, "behind"...), uint8(i), uint16(3))
		f.Add(zeros(f, codings, 1<<20), uint8(i), uint16(100))
	}
	f.Add([]byte("\x5a\x2a\x4d\x18\x03\x00\x00\x00abc"), uint8(4), uint16(1))
	f.Fuzz(func(t *testing.T, coded []byte, which uint8, size uint16) {
		if len(coded) == 0 || len(coded) > 1<<16 {
			return
		}
		codings := oracleNames[int(which)%len(oracleNames)]
		pieces := append(slices.Collect(slices.Chunk(coded, int(size)+1)), nil)
		got, err := decode(t, codings, pieces...)
		whole, wholeErr := decode(t, codings, coded)
		if err == nil != (wholeErr == nil) && !tooMuch(err) && !tooMuch(wholeErr) || err == nil && wholeErr == nil && !bytes.Equal(got, whole) {
			t.Fatalf("%s in pieces of %d: %d bytes, %v; as a whole: %d bytes, %v", codings, int(size)+1, len(got), err, len(whole), wholeErr)
		}
		want, oracleErr := oracle(codings, coded)
		if (err == nil) != (oracleErr == nil) && !tooMuch(err) {
			t.Fatalf("%s: got %d bytes, %v; the library %d bytes, %v", codings, len(got), err, len(want), oracleErr)
		}
		if err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%s: got %q, the library %q", codings, got, want)
		}
	})
}

// tooMuch tells of what we refuse and the libraries would not.
func tooMuch(err error) bool {
	return err != nil && (strings.HasSuffix(err.Error(), errGrowth.Error()) || strings.HasSuffix(err.Error(), errWindow.Error()))
}

var oracleNames = []string{"gzip", "deflate", "raw", "br", "zstd"}

// oracle decodes a whole body by the library, for the deflates another one.
func oracle(codings string, coded []byte) ([]byte, error) {
	in := bytes.NewReader(coded)
	const limit = 64 << 20
	switch codings {
	case "gzip":
		r, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(io.LimitReader(r, limit))
	case "br":
		return io.ReadAll(io.LimitReader(brotli.NewReader(in), limit))
	case "zstd":
		r, err := zstd.NewReader(in, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1), zstd.WithDecodeBuffersBelow(0))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(io.LimitReader(r, limit))
	}
	return inflate(coded, in)
}

func inflate(coded []byte, in *bytes.Reader) ([]byte, error) {
	r, err := zlib.NewReader(in)
	if err == zlib.ErrHeader {
		in.Reset(coded)
		r, err = flate.NewReader(in), nil
	}
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(r)
	if err == nil && in.Len() > 0 {
		err = errBehind
	}
	return out, err
}
