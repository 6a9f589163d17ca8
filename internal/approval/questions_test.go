package approval_test

import (
	"fmt"
	"testing"
)

// TestOthersQuestionsHideNone has a dozen agents ask as much as they may, after
// one who asks once.
func TestOthersQuestionsHideNone(t *testing.T) {
	w := newWorld(t, credential("key"), credential("other"))
	first := w.ask(bot("first", ""), "key", "/a")
	for n := range 12 {
		for path := range 20 {
			w.ask(bot(fmt.Sprint("b", n), ""), "other", fmt.Sprint("/", path))
		}
	}
	qs, err := w.Questions(t.Context(), human("alice", "oncall"))
	if err != nil || len(qs) != 241 || qs[0].ID != first.ID {
		t.Errorf("%d questions are listed, %v", len(qs), err)
	}
}
