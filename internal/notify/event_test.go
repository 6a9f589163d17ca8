package notify

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/record/recordtest"
)

// events are one of each type, and a question that only the page can answer.
func events() map[string]Event {
	e := asked()
	e.Expires = e.Time.Add(15 * time.Minute)
	page := e
	page.Buttons = false
	answered := e
	answered.Type, answered.Answer, answered.By, answered.Note = Answered, "denied", "alice@example.com", "Use a branch & ask again"
	lapsed := e
	lapsed.Type = Lapsed
	revoked := Event{Type: Revoked, Time: e.Time, Bar: "b1", By: "alice@example.com", Note: "<everything> stops"}
	stolen := Event{Type: Stolen, Time: e.Time, Lease: e.Lease, Credential: e.Credential, Principal: e.Principal, By: "https://dex.example.com#mallory"}
	return map[string]Event{"asked": e, "asked-page": page, "answered": answered, "lapsed": lapsed, "revoked": revoked, "stolen": stolen}
}

func TestForms(t *testing.T) {
	masker := recordtest.Masker(t)
	types := map[Type]bool{}
	for name, e := range events() {
		types[e.Type] = true
		for suffix, write := range map[string]func(shown) ([]byte, error){".json": shown.encode, ".slack.json": shown.slack} {
			body, err := write(e.show(masker))
			if err != nil {
				t.Fatal(err)
			}
			var indented bytes.Buffer
			if err := json.Indent(&indented, body, "", "  "); err != nil {
				t.Fatal(err)
			}
			golden(t, name+suffix, append(indented.Bytes(), '\n'))
		}
	}
	for _, each := range Types {
		if !types[each] || titles[each] == "" {
			t.Errorf("%s has no golden file, or no title", each)
		}
	}
}

// TestNoFieldLetsAValueOut puts a value in every text of an event.
func TestNoFieldLetsAValueOut(t *testing.T) {
	e := asked()
	v := reflect.ValueOf(&e).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.String && v.Type().Field(i).Name != "Type" {
			f.SetString("x " + canary + " y")
		}
	}
	s := e.show(recordtest.Masker(t, canary))
	for form, write := range map[string]func() ([]byte, error){"json": s.encode, "slack": s.slack} {
		body, err := write()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(body, []byte(canary)) || !bytes.Contains(body, []byte("x [masked] y")) {
			t.Errorf("%s: %s", form, body)
		}
	}
	if s.value != "" || !s.Data.Altered {
		t.Error("what was masked is taken for whole")
	}
}

func TestIDs(t *testing.T) {
	same := asked()
	same.Time, same.Reason, same.Expires = same.Time.Add(time.Minute), "again", same.Time.Add(time.Hour)
	if a, b := asked().id(), same.id(); a != b || !strings.HasPrefix(a, "evt_") || strings.Contains(a, ".") {
		t.Errorf("the same question: %q, %q", a, b)
	}
	ids := map[string]string{}
	for name, change := range map[string]func(*Event){
		"it": func(*Event) {}, "its answer": func(e *Event) { e.Type = Answered }, "another's answer": func(e *Event) { e.Type, e.By = Answered, "x" },
		"another lease": func(e *Event) { e.Lease = "x" }, "a bar": func(e *Event) { e.Bar = "x" },
		"shifted": func(e *Event) { e.Lease, e.Bar = e.Lease[:2], e.Lease[2:] },
	} {
		e := asked()
		change(&e)
		if other, ok := ids[e.id()]; ok {
			t.Errorf("%s has the id of %s", name, other)
		}
		ids[e.id()] = name
	}
}

func TestWhenButtonsAnswer(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Event)
		want   bool
	}{
		{"the whole operation is shown", func(*Event) {}, true},
		{"there is no body", func(e *Event) { e.Body = "" }, true},
		{"the desk takes none", func(e *Event) { e.Buttons = false }, false},
		{"it is no question", func(e *Event) { e.Type = Answered }, false},
		{"no operation is named", func(e *Event) { e.Method, e.Host, e.Path = "", "", "" }, false},
		{"a body was not seen", func(e *Event) { e.Body, e.Unseen = "", true }, false},
		{"a hash of what is seen is missing", func(e *Event) { e.Seen = "" }, false},
		{"it is no hash", func(e *Event) { e.Seen = "x" }, false},
		{"the id would end early", func(e *Event) { e.Lease = "a b" }, false},
		{"the path is cut", func(e *Event) { e.Path = "/" + strings.Repeat("a", maxWords) }, false},
		{"the path was cleaned", func(e *Event) { e.Path = "/a\u202eb" }, false},
		{"the path was masked", func(e *Event) { e.Path = "/" + canary }, false},
		{"nobody says what the lease would be", func(e *Event) { e.Terms = Terms{} }, false},
		{"the reason is cut", func(e *Event) { e.Reason = strings.Repeat("a", maxWords+1) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := asked()
			tt.change(&e)
			body, err := e.show(recordtest.Masker(t, canary)).slack()
			if err != nil {
				t.Fatal(err)
			}
			for _, action := range []string{actionApprove, actionDeny} {
				if got := bytes.Contains(body, []byte(action)); got != tt.want {
					t.Errorf("%s: %v, want %v", action, got, tt.want)
				}
			}
			if !bytes.Contains(body, []byte(actionOpen)) {
				t.Error("nothing leads to the page")
			}
		})
	}
}

func TestButtonValue(t *testing.T) {
	value, ok := buttonValue("a-1_B", seen)
	lease, hash, read := parseButtonValue(value)
	if !ok || !read || lease != "a-1_B" || hash != seen {
		t.Errorf("%q: %q, %q", value, lease, hash)
	}
	for _, bad := range []string{"", " ", "a", "a " + seen[1:], "a " + seen + "0", "a  " + seen, " a " + seen, "a " + strings.ToUpper(seen),
		"a " + seen + "\n", "a\n" + seen, "a b " + seen, strings.Repeat("a", 129) + " " + seen} {
		if _, _, ok := parseButtonValue(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}
