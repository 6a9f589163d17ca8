package record

import (
	"reflect"
	"testing"
	"time"
)

func TestActsAreSealed(t *testing.T) {
	key, now := [32]byte{1}, time.Date(2026, 11, 5, 12, 0, 0, 123456789, time.UTC)
	act := Act{Name: "read", By: "cli:a@b", Session: "s", N: 2}
	whole, err := SealAct(key, act, now)
	if err != nil {
		t.Fatal(err)
	}
	act.ID = whole.ID
	if e, err := whole.Open(key); err != nil || !reflect.DeepEqual(*e.Act, act) || !e.Time.Equal(now.Truncate(time.Microsecond)) {
		t.Errorf("got %+v, %v", e, err)
	}
	for name, change := range map[string]func(*ActRow){
		"id":       func(r *ActRow) { r.ID = "other" },
		"time":     func(r *ActRow) { r.At = r.At.Add(time.Microsecond) },
		"a byte":   func(r *ActRow) { r.Body = append(r.Body[:len(r.Body)-3:len(r.Body)-3], `3}}`...) },
		"all text": func(r *ActRow) { r.Body = r.Body[:32] },
		"nothing":  func(r *ActRow) { r.Body = nil },
	} {
		r := whole
		change(&r)
		if _, err := r.Open(key); err == nil {
			t.Errorf("changed %s: opened", name)
		}
	}
	if _, err := whole.Open([32]byte{2}); err == nil {
		t.Error("opened with another key")
	}
}

func TestReceiptsAreSealed(t *testing.T) {
	key, now := [32]byte{1}, time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
	want := Receipt{Log: "l", Seq: 7, Hash: Hash{1}}
	whole, err := SealReceipt(key, "a", want, now)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := whole.OpenReceipt(key, "a"); err != nil || got != want || whole.ID != "a" {
		t.Errorf("got %+v of %q, %v", got, whole.ID, err)
	}
	if _, err := whole.OpenReceipt(key, "b"); err == nil {
		t.Error("another act has its receipt")
	}
	if _, err := whole.Open(key); err == nil {
		t.Error("it is an act too")
	}
	act, err := SealAct(key, Act{Name: "read"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := act.OpenReceipt(key, act.ID); err == nil {
		t.Error("an act is its own receipt")
	}
}
