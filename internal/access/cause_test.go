package access

import (
	"os"
	"strings"
	"testing"
)

// TestCausesAreDocumented where those look who read the log.
func TestCausesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/log.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range Causes() {
		if !strings.Contains(string(text), "`"+string(c)+"`") {
			t.Errorf("docs/log.md has no `%s`", c)
		}
		if c.Code() == "" {
			t.Errorf("%s has no code", c)
		}
	}
	if Cause("moon").Code() != Denied {
		t.Error("a cause that is not known is no denial")
	}
}
