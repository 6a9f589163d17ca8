package recordtest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
)

// Shown is an index that can be looked at row by row, and keeps the heads of
// logs.
type Shown interface {
	record.Index
	Snapshot(ctx context.Context) (record.Snapshot, error)
	PutHead(ctx context.Context, log string, size int64, note []byte) error
	Heads(ctx context.Context) (map[string][]byte, error)
}

// TestSnapshot is the contract of record.Snapshot and of checkpoint.Heads. open
// makes an empty index; log is the log that it names as its own.
func TestSnapshot(t *testing.T, log string, open func(t *testing.T) Shown) {
	t.Run("shows what was applied, and not what came since", func(t *testing.T) { testRows(t, log, open(t)) })
	t.Run("keeps the largest head of each log", func(t *testing.T) { testHeads(t, open(t)) })
}

func testRows(t *testing.T, log string, ix Shown) {
	lines := Lines(t, decision(1, "alice", "s", access.Allow), end(1), decision(2, "alice", "s", access.Deny))
	if err := ix.Apply(t.Context(), lines[:2]); err != nil {
		t.Fatal(err)
	}
	s, err := ix.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at, err := s.Applied(t.Context())
	if err != nil || len(at) != 1 || at[log] != lines[1].Position() {
		t.Errorf("applied %v, %v", at, err)
	}
	if err := ix.Apply(t.Context(), lines[2:]); err != nil {
		t.Fatal(err)
	}
	var got []string
	err = s.Rows(t.Context(), log, func(r record.Row) error {
		l := lines[slices.IndexFunc(lines, func(l record.Line) bool { return string(l.Raw) == string(r.Line) })]
		if r.Seq != 0 && r.Seq != l.Seq {
			t.Errorf("row %+v, line %d", r, l.Seq)
		}
		got = append(got, fmt.Sprint(r.Table, l.Seq, r.Exchange == exchange(1), r.Principal, r.Session, r.Refused))
		return nil
	})
	slices.Sort(got)
	want := []string{fmt.Sprint("decision", 1, true, issuer+"#alice", "s", false), fmt.Sprint("finish", 2, true, "", "", false)}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("rows %q, %v\nwant %q", got, err, want)
	}
	n := 0
	err = s.Totals(t.Context(), log, func(x record.Session) error {
		if n++; x.ID != "s" || x.Principal != issuer+"#alice" || x.Exchanges != 1 || x.Refused != 0 || !x.First.Equal(x.Last) {
			t.Errorf("total %+v", x)
		}
		return nil
	})
	if err != nil || n != 1 {
		t.Errorf("%d totals, %v", n, err)
	}
	n = 0
	err = s.Touches(t.Context(), log, func(x record.Touched) error {
		if n++; x.Session != "s" || x.Principal != issuer+"#alice" || x.Touch != (record.Touch{Host: "api.example", Outcome: access.Allow}) || !x.First.Equal(x.Last) {
			t.Errorf("touch %+v", x)
		}
		return nil
	})
	if err != nil || n != 1 {
		t.Errorf("%d touches, %v", n, err)
	}
}

func testHeads(t *testing.T, ix Shown) {
	for _, h := range []struct {
		log  string
		size int64
	}{{"a", 3}, {"b", 1}, {"a", 5}, {"a", 4}} {
		if err := ix.PutHead(t.Context(), h.log, h.size, fmt.Append(nil, h.size)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ix.Heads(t.Context())
	if err != nil || len(got) != 2 || string(got["a"]) != "5" || string(got["b"]) != "1" {
		t.Errorf("heads %q, %v", got, err)
	}
}
