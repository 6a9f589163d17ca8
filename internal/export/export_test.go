package export

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestEveryKindHasItsEvents(t *testing.T) {
	for _, k := range kinds(t) {
		sampled := false
		for name := range samples() {
			sampled = sampled || strings.HasPrefix(name, string(k))
		}
		if !sampled || ocsfKinds[k] == nil || ecsKinds[k] == nil {
			t.Errorf("%s: in OCSF %v, in ECS %v, with a sample %v", k, ocsfKinds[k] != nil, ecsKinds[k] != nil, sampled)
		}
	}
}

func TestGolden(t *testing.T) {
	for _, f := range []Format{OCSF, ECS} {
		for name, e := range samples() {
			t.Run(string(f)+"/"+name, func(t *testing.T) {
				var got bytes.Buffer
				enc := json.NewEncoder(&got)
				enc.SetIndent("", "  ")
				for _, e := range events(t, f, e) {
					if err := enc.Encode(e.Fields); err != nil {
						t.Fatal(err)
					}
				}
				golden(t, filepath.Join(string(f), name+".json"), got.Bytes())
			})
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestNothingIsLost finds the whole entry in its event.
func TestNothingIsLost(t *testing.T) {
	for name, e := range samples() {
		line := recordtest.Lines(t, e)[0]
		var want map[string]any
		if err := json.Unmarshal(line.Raw, &want); err != nil {
			t.Fatal(err)
		}
		kind := string(e.Kind())
		for f, under := range map[Format]string{OCSF: "unmapped", ECS: "cloakroom"} {
			text, err := json.Marshal(eventsOf(t, f, line)[0].Fields[under])
			if err != nil {
				t.Fatal(err)
			}
			var held map[string]any
			if err := json.Unmarshal(text, &held); err != nil {
				t.Fatal(err)
			}
			got := held[kind]
			if !reflect.DeepEqual(got, want[kind]) {
				t.Errorf("%s in %s: got %v, want %v", name, f, got, want[kind])
			}
		}
	}
}

func TestUIDsDiffer(t *testing.T) {
	for _, f := range []Format{OCSF, ECS} {
		made := events(t, f, samples()["decision-stolen"])
		if len(made) != 2 || made[0].UID != logID+":1" || made[1].UID != logID+":1:1" {
			t.Errorf("%s: %v", f, made)
		}
		if made[1].Severity != High {
			t.Errorf("%s: an alarm of severity %d", f, made[1].Severity)
		}
	}
}

// TestAnEntryOfALaterVersionIsNotLost reads a kind that is not known here.
func TestAnEntryOfALaterVersionIsNotLost(t *testing.T) {
	raw := `{"v":1,"seq":1,"prev":"` + record.Hash{}.String() + `","time":"2026-11-05T12:00:00.000000Z","novelty":{"x":1}}` + "\n"
	line, err := record.ParseLine([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []Format{OCSF, ECS} {
		made := eventsOf(t, f, line)
		text, err := json.Marshal(made[0].Fields)
		if err != nil || len(made) != 1 || !strings.Contains(string(text), `"novelty":{"x":1}`) {
			t.Errorf("%s: %s, %v", f, text, err)
		}
		judge(t, f, made)
	}
}

func TestAFormatThatIsNoneIsRefused(t *testing.T) {
	if _, err := NewMapper("cef", logID, "1"); err == nil {
		t.Error("no error")
	}
}
