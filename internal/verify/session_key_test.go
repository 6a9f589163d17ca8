package verify

import (
	"context"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/search"
)

// closedRules is a world whose rules are under a key that is not here.
type closedRules struct{ *world }

func (closedRules) Blob(context.Context, []record.Part) ([]byte, error) {
	return nil, recording.ErrKey
}

// TestKeyIsNotHere: what cannot be opened rests on the masker's word and is said to be
// so; nobody is accused of having changed it.
func TestKeyIsNotHere(t *testing.T) {
	w := newWorld(t)
	w.lease(noon, "active", "")
	w.gone["e1"] = recording.ErrKey
	c := usual("e1")
	w.happen(noon.Add(time.Minute), c)
	s, err := key.Compile([]search.Fingerprint{key.Fingerprint("git", []byte(value))})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Sessions{Replicas: []Replica{{Dir: w.dir, Packs: closedRules{w}}}, Search: s, Now: noon.Add(time.Hour)}.Verify(t.Context())
	if err != nil || r.Sealed != 1 || r.Recorded != 0 || r.Trusted != c.end.ResponseBytes || r.Unjudged != 1 {
		t.Fatalf("got %+v, %v", r, err)
	}
	for _, f := range r.Findings {
		if f.What != Sealed || !strings.Contains(f.Detail, "a key that is not here") {
			t.Errorf("found %+v", f)
		}
	}
	if r.Found != 2 { // the recording and the rules
		t.Errorf("%d findings", r.Found)
	}
}
