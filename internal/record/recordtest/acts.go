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
		{"keeps receipts for a while", testReceipts},
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
	err = s.TakeActs(t.Context(), func(r record.ActRow) (*record.ActRow, error) {
		got = append(got, r)
		return &record.ActRow{ID: r.ID, At: r.At, Body: []byte("receipt")}, write(r)
	})
	return got, err
}

func written(record.ActRow) error { return nil }

// wantReceipt asks for the receipt that take gave.
func wantReceipt(t *testing.T, s record.Acts, act record.ActRow, want bool) {
	t.Helper()
	r, err := s.Receipt(t.Context(), act.ID)
	switch {
	case !want && !errors.Is(err, record.ErrNoReceipt):
		t.Errorf("act %s has receipt %+v, %v", act.ID, r, err)
	case want && (err != nil || r.ID != act.ID || !r.At.Equal(act.At) || string(r.Body) != "receipt"):
		t.Errorf("act %s: receipt %+v, %v", act.ID, r, err)
	}
}

func testTake(t *testing.T, s record.Acts) {
	want := putActs(t, s, 3)
	wantReceipt(t, s, want[1], false)
	if got, err := take(t, s, written); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("took %+v, %v\nwant %+v", got, err, want)
	}
	wantReceipt(t, s, want[1], true)
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
	wantReceipt(t, s, want[0], true)
	wantReceipt(t, s, want[1], false)
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

func testReceipts(t *testing.T, s record.Acts) {
	first := putActs(t, s, 3)
	without := func(record.ActRow) (*record.ActRow, error) { return nil, nil }
	if err := s.TakeActs(t.Context(), without); err != nil {
		t.Fatal(err)
	}
	for _, a := range first {
		wantReceipt(t, s, a, false)
	}
	if err := s.PutActs(t.Context(), first...); err != nil { // forgotten without
		t.Fatal(err)
	}
	if got, err := take(t, s, written); err != nil || len(got) != 3 {
		t.Fatalf("took %+v, %v", got, err)
	}
	if err := s.PutActs(t.Context(), first[2]); err != nil { // put back
		t.Fatal(err)
	}
	later := record.ActRow{ID: "later", At: first[1].At.Add(record.ReceiptKept), Body: []byte("b")}
	if err := s.PutActs(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	if _, err := take(t, s, written); err != nil {
		t.Fatal(err)
	}
	for i, a := range append(first, later) {
		wantReceipt(t, s, a, i > 0)
	}
}
