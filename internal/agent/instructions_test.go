package agent

import (
	"os"
	"strings"
	"testing"

	"cloakroom/internal/access"
)

// TestInstructions keeps the text of docs/agents.md, which operators paste, and
// the one that the gateway tells the same, and short.
func TestInstructions(t *testing.T) {
	b, err := os.ReadFile("../../docs/agents.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "```text\n")
	pasted, _, ok := strings.Cut(rest, "```\n")
	if !ok || pasted != Instructions {
		t.Error("docs/agents.md prints another text than instructions.txt")
	}
	if n := strings.Count(Instructions, "\n"); n > 25 {
		t.Errorf("the instructions have %d lines, 25 at most", n)
	}
}

// TestEveryCodeIsExplained looks each refusal's code up in the guide's table.
func TestEveryCodeIsExplained(t *testing.T) {
	b, err := os.ReadFile("../../docs/agents.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []access.Code{access.Unauthenticated, access.Denied, access.ApprovalPending, access.ApprovalDenied, access.LeaseExpired,
		access.UnknownPlaceholder, access.NotGranted, access.TooLarge, access.Unsupported, access.Unavailable} {
		if !strings.Contains(string(b), "| `"+string(code)+"` |") {
			t.Errorf("docs/agents.md does not explain %s", code)
		}
	}
}
