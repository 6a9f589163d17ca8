package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"cloakroom/internal/transcript"
	"cloakroom/internal/verify"
)

// What agents, issuers and files from elsewhere chose steers no terminal.
func TestWhatIsPrintedIsVisible(t *testing.T) {
	const hostile = "\x1b[2J\u202e\u009b31m"
	var out strings.Builder
	err := table(&out, "A\tB", func(w io.Writer) { fmt.Fprintf(w, "%s\tb\n", hostile) })
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(out.String(), "  b\n") {
		t.Errorf("got %q", out.String())
	}
	r := verify.SessionReport{Sets: []string{hostile}}
	printEvidence(&out, verify.Checked{Key: hostile, By: hostile, Asked: hostile, Report: r, Logs: []verify.CheckedLog{{Log: hostile}}}, false)
	found := verify.Finding{Log: hostile, File: hostile, What: hostile}
	printLogReport(&out, verify.LogReport{Notes: []string{hostile}, Findings: []verify.Finding{found}, Logs: []verify.LogSum{{Log: hostile}}})
	printError(&out, hinted{errors.New("reading policy:\n\t" + hostile), "mend it"})
	if !strings.Contains(out.String(), "cloakroom: reading policy:\n\t‹") || !transcript.Harmless([]byte(out.String())) {
		t.Errorf("got %q", out.String())
	}
}
