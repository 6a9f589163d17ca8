package recordtest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"cloakroom/internal/record"
)

// TestActs is the contract of record.Acts. open makes an empty one.
func TestActs(t *testing.T, open func(t *testing.T) record.Acts) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, record.Acts)
	}{
		{"gives each once, in order", testTake},
		{"keeps what was not written", testUnwritten},
		{"keeps all or none", testAllOrNone},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

var actKey = [32]byte{1}

// putActs keeps n acts, a second apart, the latest first.
func putActs(t *testing.T, s record.Acts, n int) []record.ActRow {
	t.Helper()
	var rows []record.ActRow
	for i := range n {
		r, err := record.SealAct(actKey, record.Act{Name: "read", N: i}, Epoch.Add(-time.Duration(i)*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	if err := s.PutActs(t.Context(), rows...); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(rows)
	return rows
}

func take(t *testing.T, s record.Acts, write func(record.ActRow) error) (got []record.ActRow, err error) {
	t.Helper()
	err = s.TakeActs(t.Context(), func(r record.ActRow) error {
		got = append(got, r)
		return write(r)
	})
	return got, err
}

func written(record.ActRow) error { return nil }

func testTake(t *testing.T, s record.Acts) {
	want := putActs(t, s, 3)
	if pending, err := s.ActPending(t.Context(), want[1].ID); err != nil || !pending {
		t.Errorf("before: pending %v, %v", pending, err)
	}
	if got, err := take(t, s, written); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("took %+v, %v\nwant %+v", got, err, want)
	}
	if pending, err := s.ActPending(t.Context(), want[1].ID); err != nil || pending {
		t.Errorf("after: pending %v, %v", pending, err)
	}
	if got, err := take(t, s, written); err != nil || len(got) != 0 {
		t.Errorf("took again %+v, %v", got, err)
	}
}

func testUnwritten(t *testing.T, s record.Acts) {
	want := putActs(t, s, 3)
	full := errors.New("the disk is full")
	got, err := take(t, s, func(r record.ActRow) error {
		if r.ID == want[1].ID {
			return fmt.Errorf("writing: %w", full)
		}
		return nil
	})
	if !errors.Is(err, full) || !reflect.DeepEqual(got, want[:2]) {
		t.Errorf("took %+v, %v", got, err)
	}
	if got, err := take(t, s, written); err != nil || !reflect.DeepEqual(got, want[1:]) {
		t.Errorf("took then %+v, %v\nwant %+v", got, err, want[1:])
	}
}

func testAllOrNone(t *testing.T, s record.Acts) {
	rows := putActs(t, s, 1)
	other := rows[0]
	other.ID = "other"
	if err := s.PutActs(t.Context(), other, rows[0]); err == nil {
		t.Error("one id was kept twice")
	}
	if got, err := take(t, s, written); err != nil || !reflect.DeepEqual(got, rows) {
		t.Errorf("took %+v, %v", got, err)
	}
}
