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

// encoder is what every library's writer can do.
type encoder interface {
	io.WriteCloser
	Flush() error
}

// encoders write each coding. "raw" is deflate as some servers send it.
var encoders = map[string]func(io.Writer) encoder{
	"gzip":    func(w io.Writer) encoder { return gzip.NewWriter(w) },
	"x-gzip":  func(w io.Writer) encoder { return gzip.NewWriter(w) },
	"deflate": func(w io.Writer) encoder { return zlib.NewWriter(w) },
	"raw":     func(w io.Writer) encoder { return must(flate.NewWriter(w, 6)) },
	"br":      func(w io.Writer) encoder { return brotli.NewWriter(w) },
	"zstd":    func(w io.Writer) encoder { return must(zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))) },
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// stack writes several codings, the first one first.
type stack []encoder

func newStack(w io.Writer, codings string) stack {
	var s stack
	for _, name := range slices.Backward(strings.Split(codings, ", ")) {
		e := encoders[name](w)
		s = append(stack{e}, s...)
		w = e
	}
	return s
}

func (s stack) write(text []byte) { must(s[0].Write(text)) }

func (s stack) flush(t testing.TB) {
	for _, e := range s {
		if err := e.Flush(); err != nil {
			t.Fatal(err)
		}
	}
}

func (s stack) close(t testing.TB) {
	for _, e := range s {
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func encode(t testing.TB, codings string, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	s := newStack(&b, codings)
	s.write(text)
	s.close(t)
	return b.Bytes()
}

// decoder is for a body of these codings; it is closed with the test.
func decoder(t testing.TB, codings string) *Decoder {
	t.Helper()
	d, err := New([]string{strings.ReplaceAll(codings, "raw", "deflate")})
	if err != nil || d == nil {
		t.Fatal(d, err)
	}
	t.Cleanup(d.Close)
	return d
}

// decode gives the pieces one after the other, last with the last.
func decode(t testing.TB, codings string, pieces ...[]byte) (out []byte, err error) {
	t.Helper()
	d := decoder(t, codings)
	defer d.Close()
	for i, piece := range pieces {
		if out, err = d.Append(out, slices.Clone(piece), i == len(pieces)-1); err != nil {
			return out, err
		}
	}
	return out, nil
}

// text is n bytes that compress by about five.
func text(n int) []byte {
	r := rand.New(rand.NewSource(int64(n)))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, `{"id":%d,"ok":true,"name":"user %x"},`+"\n", r.Int31n(1000), r.Int31())
	}
	return b.Bytes()[:n]
}

var lists = []string{"gzip", "x-gzip", "deflate", "raw", "br", "zstd", "gzip, br", "br, gzip", "zstd, gzip", "deflate, zstd", "raw, raw", "br, br", "zstd, zstd", "gzip, zstd, br"}

func TestEveryCutEqualsTheWhole(t *testing.T) {
	for _, codings := range lists {
		t.Run(codings, func(t *testing.T) {
			for _, n := range []int{0, 1, 300} {
				want := text(n)
				coded := encode(t, codings, want)
				for cut := range len(coded) + 1 {
					got, err := decode(t, codings, coded[:cut], coded[cut:])
					if err != nil || !bytes.Equal(got, want) {
						t.Fatalf("%d bytes cut at %d: %v", n, cut, err)
					}
				}
			}
			want := text(300_000)
			coded := encode(t, codings, want)
			for _, size := range []int{1, 7, 4096, 1 << 20} {
				got, err := decode(t, codings, append(slices.Collect(slices.Chunk(coded, size)), nil)...)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("in pieces of %d: %d bytes, %v", size, len(got), err)
				}
			}
		})
	}
}

func TestBrokenBodies(t *testing.T) {
	for _, codings := range lists {
		t.Run(codings, func(t *testing.T) {
			coded := encode(t, codings, text(300))
			for cut := 1; cut < len(coded); cut++ {
				if got, err := decode(t, codings, coded[:cut]); err == nil {
					t.Errorf("cut short at %d: %d bytes", cut, len(got))
				}
			}
			for _, behind := range []string{"\x00", "x", "garbage behind the end", string(coded[:len(coded)-1])} {
				whole, late := append(slices.Clone(coded), behind...), []byte(behind)
				if _, err := decode(t, codings, whole); err == nil {
					t.Errorf("%d bytes behind pass", len(behind))
				}
				if _, err := decode(t, codings, coded, late); err == nil {
					t.Errorf("%d bytes behind, in a piece of their own, pass", len(behind))
				}
				if _, err := decode(t, codings, append(slices.Collect(slices.Chunk(whole, 1)), nil)...); err == nil {
					t.Errorf("%d bytes behind, byte by byte, pass", len(behind))
				}
			}
			if _, err := decode(t, codings, text(300)); err == nil {
				t.Error("plain text passes")
			}
		})
	}
}

// TestAnInnerLayerCutShort: what a layer gives may be whole where the layer
// itself is not.
func TestAnInnerLayerCutShort(t *testing.T) {
	for inner := range encoders {
		for outer := range encoders {
			var b bytes.Buffer
			e := encoders[outer](&b)
			must(e.Write(encode(t, inner, text(300))))
			if err := e.Flush(); err != nil {
				t.Fatal(err)
			}
			if got, err := decode(t, inner+", "+outer, b.Bytes()); err == nil {
				t.Errorf("%s in %s: %d bytes pass", inner, outer, len(got))
			}
		}
	}
}

func TestSeveralMembers(t *testing.T) {
	skippable := "\x5a\x2a\x4d\x18\x03\x00\x00\x00abc"
	gzips := slices.Concat(encode(t, "gzip", []byte("one ")), encode(t, "gzip", nil), encode(t, "gzip", []byte("two")))
	frames := slices.Concat([]byte(skippable), encode(t, "zstd", []byte("one ")), []byte(skippable), encode(t, "zstd", []byte("two")), []byte(skippable))
	for codings, coded := range map[string][]byte{"gzip": gzips, "zstd": frames} {
		for cut := range len(coded) + 1 {
			if got, err := decode(t, codings, coded[:cut], coded[cut:]); string(got) != "one two" || err != nil {
				t.Errorf("%s cut at %d: %q, %v", codings, cut, got, err)
			}
		}
	}
	for _, codings := range []string{"br", "deflate", "raw"} {
		if _, err := decode(t, codings, slices.Repeat(encode(t, codings, []byte("one")), 2)); err == nil {
			t.Errorf("%s twice passes", codings)
		}
	}
}

// TestTheEndGoesAtOnce: what a body ends with does not wait for the word that it
// has ended, nor a gzip member for the next.
func TestTheEndGoesAtOnce(t *testing.T) {
	for _, codings := range lists {
		want := text(50_000)
		d := decoder(t, codings)
		if got, err := d.Append(nil, encode(t, codings, want), false); !bytes.Equal(got, want) || err != nil {
			t.Errorf("%s: %d bytes of %d, %v", codings, len(got), len(want), err)
		}
	}
}

// TestFlushedGoesAtOnce: what was flushed comes out with its last byte.
func TestFlushedGoesAtOnce(t *testing.T) {
	for _, codings := range lists {
		var b bytes.Buffer
		s := newStack(&b, codings)
		d := decoder(t, codings)
		for i := range 20 {
			event := fmt.Sprintf("data: event %d\n\n", i*i*i)
			s.write([]byte(event))
			s.flush(t)
			got, err := d.Append(nil, b.Bytes(), false)
			if string(got) != event || err != nil {
				t.Fatalf("%s: event %d: %q, %v", codings, i, got, err)
			}
			b.Reset()
		}
		s.close(t)
		if got, err := d.Append(nil, b.Bytes(), true); len(got) != 0 || err != nil {
			t.Errorf("%s: the end: %q, %v", codings, got, err)
		}
	}
}

func TestABodyWithoutAByte(t *testing.T) {
	for _, codings := range lists {
		if got, err := decode(t, codings, nil, nil); len(got) != 0 || err != nil {
			t.Errorf("%s: %q, %v", codings, got, err)
		}
	}
}

func TestNew(t *testing.T) {
	tests := []struct {
		lines []string
		want  string // names, or an error
	}{
		{nil, ""}, {[]string{"", "identity", " , Identity"}, ""},
		{[]string{"GZip"}, "gzip"}, {[]string{"identity, gzip", "BR\t"}, "gzip br"},
		{[]string{"gzip,gzip,,gzip"}, "gzip gzip gzip"},
		{[]string{"gzip,gzip", "gzip,gzip"}, "too many content codings"},
		{[]string{"gzip, x-new"}, `decoding "x-new": unknown content coding`},
		{[]string{"dcb"}, `decoding "dcb": unknown content coding`},
		{[]string{strings.Repeat("x", 99)}, `decoding "` + strings.Repeat("x", 32) + `": unknown content coding`},
		{[]string{"gzip;q=1"}, `decoding "gzip;q=1": unknown content coding`},
	}
	for _, tt := range tests {
		d, err := New(tt.lines)
		got := ""
		if d != nil {
			got = strings.Join(names(tt.lines), " ")
		}
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.lines, got, tt.want)
		}
	}
}

// TestErrorsAreFinal: also the one of a decoder that was closed early.
func TestErrorsAreFinal(t *testing.T) {
	coded := encode(t, "gzip", text(300))
	for _, spoil := range []func(*Decoder){
		func(d *Decoder) { d.Append(nil, []byte("no gzip at all"), false) },
		func(d *Decoder) { d.Append(nil, coded[:50], true) },
		func(d *Decoder) { d.Append(nil, coded, true) },
		func(d *Decoder) { d.Append(nil, coded[:50], false); d.Close(); d.Close() },
	} {
		d := decoder(t, "gzip")
		spoil(d)
		if got, err := d.Append([]byte("kept"), coded, false); string(got) != "kept" || err == nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, codings := range lists {
		for range 10 {
			d := decoder(t, codings)
			d.Append(nil, encode(t, codings, text(300))[:20], false)
			d.Close()
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}
