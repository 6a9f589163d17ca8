package approval_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"cloakroom/internal/approval"
	"cloakroom/internal/lease"
	"cloakroom/internal/record/recordtest"
)

// TestWhatWasShownIsInTheLog approves what an agent made long: the log's own
// entry has it whole, or nobody can approve it.
func TestWhatWasShownIsInTheLog(t *testing.T) {
	for _, tt := range []struct {
		query string
		want  error
	}{{"a=1", nil}, {strings.Repeat("a", 20_000), nil}, {strings.Repeat("\xc3\xa9", 5_000), nil}, {strings.Repeat("&", 20_000), approval.ErrLong}} {
		w := newWorld(t, credential("key"))
		l := w.ask(bot("b", "bob@example.com"), "key", "/a?"+tt.query)
		got, err := w.answer(human("alice", "oncall"), l.ID, "page")
		if !errors.Is(err, tt.want) || (got.State == lease.Active) != (tt.want == nil) {
			t.Errorf("%.10q: %v", tt.query, err)
		}
		if tt.want != nil {
			q, _ := w.Question(t.Context(), l.ID, human("alice", "oncall"))
			if _, err := w.Answer(t.Context(), l.ID, approval.Answer{By: human("alice", "oncall"), Asked: w.now, LoggedIn: w.now,
				Reason: "too long", Seen: q.Seen, Via: "page"}); err != nil {
				t.Errorf("denying it: %v", err)
			}
			continue
		}
		e, err := recordtest.Lines(t, w.log...)[0].Entry()
		if err != nil {
			t.Fatal(err)
		}
		if shown := e.Approval.Shown; !json.Valid([]byte(shown)) || shown != w.log[0].Approval.Shown {
			t.Errorf("%.10q: the log has %d bytes that end with %q", tt.query, len(shown), shown[max(0, len(shown)-40):])
		}
	}
}
