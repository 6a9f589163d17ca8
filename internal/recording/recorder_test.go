package recording

import (
	"context"
	"crypto/sha256"
	"reflect"
	"testing"
	"time"

	"cloakroom/internal/record"
)

func TestRoundTrip(t *testing.T) {
	for _, strict := range []bool{true, false} {
		dir := newDir(t)
		l := openLog(t, dir)
		r := open(t, dir, l, Options{Strict: strict})
		if err := r.Ready(""); err != nil {
			t.Fatal(err)
		}
		id := record.NewID(began)
		body := []byte(`{"some": "JSON", "ticket": "ckr_github-read_0123456789abcdefghjkmnpqrs"}`)
		tape := r.Begin(id, "agent", began, full)
		tape.Tickets(map[string]string{"ckr_github-read_0123456789abcdefghjkmnpqrs": "LEASE"})
		if err := ordinary(tape, body); err != nil {
			t.Fatal(err)
		}
		tape.End(began.Add(12*time.Millisecond), record.End{Status: 200})
		tape.End(began, record.End{Status: 500})
		eventually(t, "the end", func() bool { return len(ends(t, dir)) == 1 })
		e := ends(t, dir)[id]
		if e.Status != 200 || len(e.Recording) != 1 || e.Kept != "full" || e.Lost || !e.Until.After(began) {
			t.Fatalf("got %+v", e)
		}
		got, err := r.Read(context.Background(), id, e.Recording)
		if err != nil {
			t.Fatal(err)
		}
		clean := `{"some": "JSON", "ticket": "ckr_github-read_[ticket LEASE]"}`
		sum := Sum{Bytes: int64(len(body)), Kept: int64(len(body)), SHA256: sha256.Sum256(body)}
		if got.Exchange != id || !got.Began.Equal(began) || !got.Complete || got.Sent != sum || got.Got != sum || len(got.Events) != 4 {
			t.Fatalf("got %+v", got)
		}
		want := Event{At: 10 * time.Millisecond, Kind: Got, Data: []byte(clean), Masked: map[string]int{"github-read": 1}}
		if !reflect.DeepEqual(got.Events[3], want) || got.Events[0].Head.Path != "/repos/a?b=c" || len(got.Events[2].Head.Headers) != 2 {
			t.Errorf("got %+v, %+v", got.Events[3], got.Events)
		}
	}
}
