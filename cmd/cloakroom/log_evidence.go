package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/checkpoint"
	"cloakroom/internal/transcript"
	"cloakroom/internal/verify"
)

// verifyEvidence checks an evidence file, and fails too if what it reports is that
// something was found.
func verifyEvidence(cmd *cobra.Command, path string, f verifyFlags) error {
	key, witnesses, err := evidenceKeys(f)
	if err != nil {
		return err
	}
	file, err := openEvidence(path)
	if err != nil {
		return err
	}
	defer file.Close()
	auditor := verify.Auditor{Key: key, Witnesses: witnesses}
	if len(f.values) > 0 {
		if auditor.Values, err = searchFor(cmd.InOrStdin(), f.values); err != nil {
			return err
		}
	}
	e, err := auditor.Read(cmd.Context(), file)
	if errors.Is(err, verify.ErrEvidence) {
		return hinted{err, "whoever made it can make it anew; what does not hold proves nothing"}
	}
	if err != nil {
		return err
	}
	if f.asJSON {
		err = printJSON(cmd.OutOrStdout(), e)
	} else {
		printEvidence(cmd.OutOrStdout(), e, key != nil)
	}
	if err != nil {
		return err
	}
	return evidenceFinds(e)
}

// openEvidence opens a file that can be read twice.
func openEvidence(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading evidence: %w", err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(hinted{fmt.Errorf("reading evidence: %q is no file", path), "it is read twice, so it comes neither through a pipe nor as a folder"}, err)
	}
	return f, nil
}

// evidenceFinds is an error if something is wrong that the file reports, or should.
func evidenceFinds(e verify.Checked) error {
	switch n := len(e.Judged.Unsaid); {
	case n > 0:
		return hinted{fmt.Errorf("the lines in the evidence show %s that its report does not say", counted(n, "finding")), "ask whoever made it, and verify the instance itself"}
	case e.Report.Found > 0:
		return fmt.Errorf("the evidence holds, and reports %s", counted(e.Report.Found, "finding"))
	case len(e.Judged.Missing) > 0:
		return hinted{fmt.Errorf("the evidence lacks entries of %s that its lines tell of, and its report does not say so", counted(len(e.Judged.Missing), "log")), "ask whoever made it for those logs"}
	case e.Asked == everything && slices.ContainsFunc(e.Logs, func(l verify.CheckedLog) bool { return l.Gaps > 0 }):
		return hinted{errors.New("the evidence says that it is of all, and lines are left out of it"), "ask whoever made it for those lines"}
	}
	return nil
}

// evidenceKeys reads the instance's key, nil if none is given, and those of
// witnesses that sign.
func evidenceKeys(f verifyFlags) (key note.Verifier, witnesses []note.Verifier, err error) {
	bad := func(flag string) error {
		return usageError{fmt.Errorf("%s: not a verifier key, NAME+HASH+KEY", flag)}
	}
	switch {
	case len(f.keys) > 1:
		return nil, nil, usageError{errors.New("an evidence file has one key")}
	case len(f.keys) == 1:
		if key, err = note.NewVerifier(f.keys[0]); err != nil {
			return nil, nil, bad("--key")
		}
	}
	for _, text := range f.signers {
		w, err := checkpoint.CosignerKey(text)
		if err != nil {
			return nil, nil, bad("--witness-key")
		}
		witnesses = append(witnesses, w)
	}
	return key, witnesses, nil
}

func printEvidence(w io.Writer, e verify.Checked, known bool) {
	fmt.Fprintf(w, "evidence    made %s by %s with cloakroom %s\n", e.Made.Format(time.RFC3339), transcript.Visible(e.By), transcript.Visible(e.Version))
	fmt.Fprintf(w, "asked       %s\n", transcript.Visible(e.Asked))
	fmt.Fprintf(w, "key         %s\n", transcript.Visible(e.Key))
	if !known {
		fmt.Fprintln(w, "            the file's own: compare it with `cloakroom log key`, or give that with --key")
	}
	for _, l := range e.Logs {
		printCheckedLog(w, l)
	}
	for _, id := range e.Judged.Missing {
		fmt.Fprintf(w, "missing     log %s: another log tells of entries of it that are not in the file's\n", transcript.Visible(id))
	}
	fmt.Fprintln(w, "report      of whoever made it, signed with that key:")
	printSessionReport(w, e.Report, verify.LogReport{})
	fmt.Fprintf(w, "contents    of %s\n", counted(e.Contents, "exchange"))
	printJudged(w, e)
}

func printCheckedLog(w io.Writer, l verify.CheckedLog) {
	fmt.Fprintf(w, "log         %s: %s of %d proved, the first %d without a gap\n", transcript.Visible(l.Log), counted(l.Entries, "line"), l.Size, l.Whole)
	for _, t := range l.Witnesses {
		signed := "no key of a witness was given: compare it with what the witness has, or give its key with --witness-key, if it signs"
		if len(t.Signed) > 0 {
			signed = "signed by " + strings.Join(t.Signed, ", ")
		}
		fmt.Fprintf(w, "witness     %s took %d entries, which the log continues, with %d of the lines here; %s\n",
			transcript.Visible(t.Name), t.Size, t.Covers, transcript.Visible(signed))
	}
}

// printJudged says what was judged here and now, and what the maker must be believed.
func printJudged(w io.Writer, e verify.Checked) {
	j := e.Judged
	fmt.Fprintf(w, "judged here %s that were or may have been put in, by decision, lease and approvals; %d of them by the rules in force too\n",
		counted(j.Values, "value"), j.Values-j.NoRules)
	fmt.Fprintf(w, "            %s, %d of them proved, of %d that the lines tell of; %d bytes that agents got were searched for the values that were given\n",
		counted(j.Recorded, "recording"), j.Proved, j.Named, j.Searched)
	if len(j.Unsaid) == 0 {
		fmt.Fprintln(w, "            these show no finding that the report does not say")
	}
	fmt.Fprintf(w, "on its word the search for other values, other recordings, the logs as a whole, and the rules of %s\n", counted(j.NoRules, "value"))
	for _, f := range j.Unsaid {
		fmt.Fprintf(w, "NOT SAID    %s\n", transcript.Visible(f.String()))
	}
}
