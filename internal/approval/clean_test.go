package approval_test

import (
	"testing"

	"cloakroom/internal/approval"
)

func TestCleanLeavesNothingBlank(t *testing.T) {
	for _, blank := range []string{"\u3164", "\u115f\u1160", "\uffa0", "\u2800", "\u200b\ufeff", "\U000e0041", "\u034f", "\ufe0f", " \u00a0\u2003\t\n"} {
		if got := approval.Clean(blank, 100); got != "" {
			t.Errorf("%q becomes %q", blank, got)
		}
		if got := approval.Clean("a"+blank+"b", 100); got != "ab" && got != "a b" {
			t.Errorf("%q between letters becomes %q", blank, got)
		}
	}
}
