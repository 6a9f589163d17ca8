package extproc

import (
	"strings"
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
)

// BenchmarkProcess is one exchange without gRPC: a substitution, and 1 KiB of
// JSON with nothing to mask.
func BenchmarkProcess(b *testing.B) {
	w := newWorld(b)
	head, body := responseHead(false, "content-type", "application/json"), responseBody(strings.Repeat("x", 1024), false)
	end := responseBody("", true)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		first := w.request(b)
		w.entries = w.entries[:0]
		b.StartTimer()
		s := &stream{say: []*extprocv3.ProcessingRequest{first, head, body, end}}
		if err := w.server.Process(s); err != nil {
			b.Fatal(err)
		}
	}
}
