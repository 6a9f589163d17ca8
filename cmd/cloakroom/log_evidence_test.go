package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"cloakroom/internal/verify"
)

// TestEvidenceDoesNotSteerATerminal prints a file of a stranger, who signed it with a
// key of their own.
func TestEvidenceDoesNotSteerATerminal(t *testing.T) {
	const steers = "\x1b[2J"
	var out bytes.Buffer
	printEvidence(&out, verify.Checked{By: steers, Version: steers, Asked: steers, Key: steers,
		Report: verify.SessionReport{Trusted: 1, Sets: []string{steers}, Found: 1, Findings: []verify.SessionFinding{{What: steers}}},
		Logs:   []verify.CheckedLog{{Log: steers, Witnesses: []verify.CheckedWitness{{Name: steers, Signed: []string{steers}}}}}}, false)
	printLogReport(&out, verify.LogReport{Notes: []string{steers}, Findings: []verify.Finding{{File: steers}}})
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("printed %q", out.String())
	}
}

// TestFlagsThatWouldCountForNothing are mistakes: somebody relies on them.
func TestFlagsThatWouldCountForNothing(t *testing.T) {
	for _, arguments := range [][]string{{"file", "--witness", "dir"}, {"file", "--log", "dir"}, {"--witness-key", "key"}} {
		c := newLogVerify(&options{config: "none.yaml"})
		c.SetArgs(arguments)
		c.SilenceUsage, c.SilenceErrors = true, true
		if err := c.Execute(); !errors.As(err, new(usageError)) {
			t.Errorf("%q: %v", arguments, err)
		}
	}
}
