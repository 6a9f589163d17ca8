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
		Judged: verify.Judged{Unsaid: []verify.SessionFinding{{What: steers}}, Missing: []string{steers}},
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

// TestWhatTheReportDoesNotSay is an error beside one that it says.
func TestWhatTheReportDoesNotSay(t *testing.T) {
	said, unsaid := verify.SessionReport{Found: 1}, verify.Judged{Unsaid: []verify.SessionFinding{{What: verify.NoLease}}}
	for _, tt := range []struct {
		e    verify.Checked
		want string
	}{
		{verify.Checked{}, ""},
		{verify.Checked{Report: said}, "reports 1 finding"},
		{verify.Checked{Judged: unsaid}, "1 finding that its report does not say"},
		{verify.Checked{Report: said, Judged: unsaid}, "1 finding that its report does not say"},
	} {
		if err := evidenceFinds(tt.e); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt.e, err)
		}
	}
}
