package recording

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/record"

	"golang.org/x/sys/unix"
)

// jsonBody is a body of about 1 KiB.
func jsonBody(i int) []byte {
	var b strings.Builder
	b.WriteString(`{"items":[`)
	for n := 0; b.Len() < 1000; n++ {
		fmt.Fprintf(&b, `{"id":%d,"name":"repository-%d","private":false,"key":"%x"},`, i*7919+n, n*i, i*31+n*n)
	}
	b.WriteString(`{}]}`)
	return []byte(b.String())
}

// BenchmarkTape is what an ordinary exchange with 1 KiB each way costs, from Begin
// to End.
func BenchmarkTape(b *testing.B) {
	for _, strict := range []bool{true, false} {
		b.Run(fmt.Sprintf("strict=%v", strict), func(b *testing.B) {
			dir := newDir(b)
			l := openLog(b, dir)
			r := open(b, dir, l, Options{Strict: strict})
			body := jsonBody(1)
			b.ReportAllocs()
			before := cpuTime(b)
			for b.Loop() {
				tape := r.Begin(record.NewID(began), "agent", began, full)
				if err := ordinary(tape, body); err != nil {
					b.Fatal(err)
				}
				tape.End(began.Add(12*time.Millisecond), record.End{Status: 200})
			}
			b.StopTimer()
			r.Close()
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
			s := r.Stats()
			b.ReportMetric(float64(s.Bytes)/float64(max(1, s.Parts)), "disk-B/op")
		})
	}
}

// cpuTime is what the process took of the processor: others may have it meanwhile.
func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
