package replace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// credentials are n values as services hand them out: prefixes in common.
func credentials(n, length int) []Secret {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	random := rand.New(rand.NewPCG(5, 6))
	prefixes := []string{"ghp_", "sk-proj-", "xoxb-", "eyJhbGciOiJIUzI1NiJ9.", ""}
	secrets := make([]Secret, n)
	for i := range secrets {
		v := []byte(prefixes[i%len(prefixes)])
		for len(v) < length {
			v = append(v, letters[random.IntN(len(letters))])
		}
		secrets[i] = Secret{fmt.Sprintf("c%d", i), v}
	}
	return secrets
}

// document is JSON of about n bytes, as an API would answer.
func document(n int) []byte {
	random := rand.New(rand.NewPCG(7, 8))
	words := []string{"repository", "a short sentence about it", "https://api.example.com/repos/", "main", "open", "true"}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for b.Len() < n {
		record := map[string]any{
			"id": random.Uint64(), "name": words[random.IntN(len(words))], "url": words[2] + fmt.Sprint(random.Uint32()),
			"sha": fmt.Sprintf("%016x%016x", random.Uint64(), random.Uint64()), "stars": random.IntN(1000), "open": random.IntN(2) == 0,
			"token": "ghp_" + fmt.Sprintf("%08x", random.Uint32()), "text": words[1] + words[random.IntN(len(words))],
		}
		if e.Encode(record) != nil {
			panic("encoding a record")
		}
	}
	return b.Bytes()
}

func BenchmarkRewriter(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10000} {
		set := compile(b, credentials(n, 40)...)
		for _, chunk := range []int{1 << 10, 64 << 10} {
			b.Run(fmt.Sprintf("credentials=%d/chunk=%d", n, chunk), func(b *testing.B) {
				benchmark(b, set, None, chunk)
			})
		}
	}
	weak := compile(b, append(credentials(1000, 40), Secret{"weak", []byte("hunter2!")})...)
	b.Run("credentials=1000/weak", func(b *testing.B) { benchmark(b, weak, None, 64<<10) })
	set := compile(b, credentials(1000, 40)...)
	b.Run("credentials=1000/lines", func(b *testing.B) { benchmark(b, set, Line, 64<<10) })
	b.Run("credentials=1000/events", func(b *testing.B) { benchmark(b, set, Event, 64<<10) })
}

// cpuTime is what this process has used, whatever else the machine does.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmark(b *testing.B, set *Set, kind Flush, chunk int) {
	text := document(4 << 20)
	text = text[:len(text)/chunk*chunk]
	dst := make([]byte, 0, chunk+2*set.Longest())
	r := set.NewRewriter(kind, nil)
	r.Append(dst, text[:chunk], false)
	b.SetBytes(int64(chunk))
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime()
	for i := range b.N {
		at := i * chunk % len(text)
		dst = r.Append(dst[:0], text[at:at+chunk], false)
	}
	b.ReportMetric(float64(b.N)*float64(chunk)/1e6/(cpuTime()-before).Seconds(), "MB/cpu-s")
}

// BenchmarkExchange is a whole text of 1 KiB with a Rewriter of its own.
func BenchmarkExchange(b *testing.B) {
	set := compile(b, credentials(1000, 40)...)
	text := document(1 << 10)
	dst := make([]byte, 0, 2*len(text))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for range b.N {
		r := set.NewRewriter(None, nil)
		dst = r.Append(dst[:0], text[:500], false)
		dst = r.Append(dst, text[500:], true)
	}
}

func BenchmarkMask(b *testing.B) {
	set := compile(b, credentials(1000, 40)...)
	b.ReportAllocs()
	for range b.N {
		set.Mask("text/html; charset=utf-8", nil)
	}
}

func BenchmarkCompile(b *testing.B) {
	secrets := credentials(10000, 40)
	for range b.N {
		compile(b, secrets...)
	}
}
