package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	for _, arguments := range [][]string{{"file", "--witness", "dir"}, {"file", "--log", "dir"}, {"--witness-key", "key"}, {"--value-file", "file"}} {
		c := newLogVerify(&options{config: "none.yaml"})
		c.SetArgs(arguments)
		c.SilenceUsage, c.SilenceErrors = true, true
		if err := c.Execute(); !errors.As(err, new(usageError)) {
			t.Errorf("%q: %v", arguments, err)
		}
	}
}

// TestEvidenceIsReadTwice from a file, and says so of what is none.
func TestEvidenceIsReadTwice(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for _, path := range []string{t.TempDir(), fmt.Sprintf("/dev/fd/%d", r.Fd())} {
		if f, err := openEvidence(path); f != nil || !errors.As(err, new(hinted)) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestEvidenceIsWrittenOverNothing is told before hours of verifying.
func TestEvidenceIsWrittenOverNothing(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, free := range map[string]bool{"": true, filepath.Join(dir, "new"): true, there: false, filepath.Join(dir, "none", "new"): false} {
		if err := (&verifying{evidence: path}).take([]string{"nightly-build"}); (err == nil) != free {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// TestVerifyingWithoutAConfiguration says what it takes.
func TestVerifyingWithoutAConfiguration(t *testing.T) {
	for _, f := range []verifyFlags{{}, {keys: []string{"key"}}, {logs: []string{"folder"}}} {
		err := (&logSources{}).find(t.Context(), &options{config: filepath.Join(t.TempDir(), "none.yaml")}, f)
		var h hinted
		if !errors.As(err, &h) || !strings.Contains(h.hint, "--key") {
			t.Errorf("%+v: %v", f, err)
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
		{verify.Checked{Judged: verify.Judged{Missing: []string{"l"}}}, "entries of 1 log"},
		{verify.Checked{Asked: "all", Logs: []verify.CheckedLog{{Size: 9, Entries: 8, Whole: 7}}}, ""},
		{verify.Checked{Asked: "all", Logs: []verify.CheckedLog{{Size: 9, Entries: 8, Whole: 3, Gaps: 1}}}, "lines are left out"},
		{verify.Checked{Asked: "session s", Logs: []verify.CheckedLog{{Size: 9, Entries: 3, Gaps: 5}}}, ""},
	} {
		if err := evidenceFinds(tt.e); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt.e, err)
		}
	}
}

// TestValuesToSearchFor come from files and the input, without the line feed that an
// editor puts behind them.
func TestValuesToSearchFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "github-token")
	if err := os.WriteFile(path, []byte("ghp_0123456789abcdef\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := searchFor(strings.NewReader("sk-0123456789abcdef\n"), []string{path, "-"})
	if err != nil {
		t.Fatal(err)
	}
	hits := s.Find([]byte(`{"a":"sk-0123456789abcdef","b":"ghp_0123456789abcdef"}`))
	if len(hits) != 2 || hits[0].Credential != "-" || hits[1].Credential != "github-token" {
		t.Errorf("found %+v", hits)
	}
	for name, text := range map[string]string{"short": "1234567\n", "long": strings.Repeat("x", valueMax+1), "nothing": ""} {
		if _, err := searchFor(strings.NewReader(text), []string{"-"}); !errors.As(err, new(usageError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := searchFor(nil, []string{path + "-none"}); err == nil {
		t.Error("a file that is not there")
	}
}
