package exchange

import (
	"testing"
	"time"

	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

type nilTape struct{}

func (nilTape) Ready() error                                                                   { return nil }
func (nilTape) Begin(string, time.Time, recording.Rule) recording.Tape                         { return nilTape{} }
func (nilTape) Tickets(map[string]string)                                                      {}
func (nilTape) Head(time.Time, recording.Kind, recording.Head, map[string]int)                 {}
func (nilTape) Piece(time.Time, recording.Kind, []byte, map[string]int)                        {}
func (nilTape) Message(time.Time, recording.Kind, []byte, bool, bool, map[string]int)          {}
func (nilTape) Skipped(recording.Kind, int64)                                                  {}
func (nilTape) Flush(time.Time, bool) error                                                    { return nil }
func (nilTape) End(time.Time, record.End)                                                      {}

func BenchmarkExchange(b *testing.B) {
	for _, on := range []bool{false, true} {
		name := "off"
		if on {
			name = "on"
		}
		b.Run(name, func(b *testing.B) {
			w := newWorld(b)
			if on {
				ts := w.record(b)
				_ = ts
				d := w.engine.deps
				d.Tapes = nilTape{}
				w.engine, _ = New(d)
			}
			body := make([]byte, 1024)
			u := use(b, "plain", "header:authorization")
			b.ReportAllocs()
			var out []byte
			for b.Loop() {
				b.StopTimer()
				q := w.granted(b, head("/x?a=1", "authorization", "Bearer "+named("plain"), "user-agent", "go", "accept", "*/*", "x-request-id", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "content-type", "application/json", "x-forwarded-proto", "http"), u)
				b.StartTimer()
				x := w.begin()
				if _, r, err := x.RequestHead(q); r != nil || err != nil {
					b.Fatal(r, err)
				}
				x.ResponseHead(ResponseHead{Status: 200, Headers: head("", "content-type", "application/json", "content-length", "1024", "date", "x", "server", "y").Headers})
				out, _ = x.ResponseBody(out[:0], body, true)
				x.End(nil)
				w.entries, w.told, w.spends = nil, nil, nil
			}
		})
	}
}
