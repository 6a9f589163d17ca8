package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cloakroom/internal/record"
	"cloakroom/internal/transcript"
	"cloakroom/internal/verify"
)

// verifying is what `session verify` was asked for.
type verifying struct {
	selector
	since    time.Time
	all      bool
	logs     []string // folders of the logs of other replicas
	asJSON   bool
	evidence string // file to write
	contents bool
}

func newSessionVerify(o *options) *cobra.Command {
	var v verifying
	c := &cobra.Command{
		Use: "verify [SESSION|EXCHANGE]", Short: "Prove that no secret leaked, or find where one did",
		Long: `Search all that agents got, as far as it is recorded, for every value that is or was
in force, in every form and by another program than the one that masks. Judge every
value that was put in by the leases and the rules of the time. Verify the logs, their
checkpoints and what witnesses took. Each finding says where; exit 1 on any.

--evidence writes a file that ` + "`cloakroom log verify FILE`" + ` checks on another machine,
with the public key alone.`,
		Example: `  cloakroom session verify nightly-build
  cloakroom session verify --since 24h --json
  cloakroom session verify nightly-build --evidence nightly-build.evidence`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := v.take(args); err != nil {
				return err
			}
			return v.run(cmd, o)
		},
	}
	f := c.Flags()
	f.StringVar(&v.principal, "principal", "", "only this principal's (issuer#subject)")
	f.Var((*moment)(&v.since), "since", "what was decided since then: a time, a day, or how long ago, e.g. 24h")
	f.BoolVar(&v.all, "all", false, "all that there is")
	f.StringArrayVar(&v.logs, "log", nil, "folder of another replica's log, also repeated")
	f.BoolVar(&v.asJSON, "json", false, "print JSON")
	f.StringVar(&v.evidence, "evidence", "", "write evidence to this file, which must not exist")
	f.BoolVar(&v.contents, "contents", false, "put what is recorded in the evidence too, as text")
	return c
}

func (v *verifying) take(args []string) error {
	if len(args) > 0 {
		v.name = args[0]
	}
	switch {
	case len(args) > 1:
		return usageError{fmt.Errorf("session verify takes one session, and was given %d", len(args))}
	case v.name == "" && v.since.IsZero() && !v.all:
		return usageError{hinted{errors.New("which sessions?"), "name one, or say --since 24h or --all"}}
	case v.name != "" && v.all:
		return usageError{errors.New("one session and --all are different things")}
	case v.contents && v.evidence == "":
		return usageError{errors.New("--contents goes with --evidence FILE")}
	}
	if err := checkPrincipal(v.principal); err != nil {
		return usageError{err}
	}
	return v.free()
}

// free tells, before anything is read, whether the evidence can be written.
func (v *verifying) free() error {
	if v.evidence == "" {
		return nil
	}
	if _, err := os.Lstat(v.evidence); err == nil {
		return errTaken(v.evidence)
	}
	if _, err := os.Stat(filepath.Dir(v.evidence)); err != nil {
		return fmt.Errorf("writing evidence: %w", err)
	}
	return nil
}

// errTaken says that evidence is written over nothing.
func errTaken(path string) error {
	return hinted{fmt.Errorf("writing evidence %q: it exists", path), "name another file"}
}

// wants tells whether an exchange was asked for.
func (v *verifying) wants(d *record.Decision, at time.Time) bool {
	return (v.name == "" || d.Session == v.name || d.Exchange == v.name) && !at.Before(v.since) &&
		(v.principal == "" || (&record.DecisionDigest{Issuer: d.Issuer, Subject: d.Subject}).Principal() == v.principal)
}

// everything is what was asked for where no more was said.
const everything = "all"

// String is what was asked for, in words.
func (v *verifying) String() string {
	var words []string
	if v.name != "" {
		words = append(words, "session or exchange "+v.name)
	}
	if v.principal != "" {
		words = append(words, "of "+v.principal)
	}
	if !v.since.IsZero() {
		words = append(words, "since "+v.since.UTC().Format(time.RFC3339))
	}
	if len(words) == 0 {
		return everything
	}
	return strings.Join(words, ", ")
}

func (v *verifying) run(cmd *cobra.Command, o *options) error {
	return withReading(cmd, o, func(ctx context.Context, r reading) error {
		act := record.Act{Name: "verify", Session: v.name, Principal: v.principal, Target: v.evidence, Detail: v.String()}
		if v.contents {
			act.Name = "read"
		}
		// Where nothing can be entered the log may be broken, and what is found is to be
		// told the more. It says where, and shows nothing of what is recorded.
		unentered := r.enter(ctx, act)
		if unentered != nil && (v.contents || ctx.Err() != nil) {
			return unentered
		}
		return withProof(ctx, r, v.logs, func(p *proof) error { return errors.Join(v.verify(ctx, cmd, p), unentered) })
	})
}

// verify verifies, writes what was asked for, and fails if something is wrong.
func (v *verifying) verify(ctx context.Context, cmd *cobra.Command, p *proof) error {
	e := verify.Evidence{Made: time.Now(), By: operator(), Version: versionText(), Asked: v.String()}
	report, logs, err := p.verify(ctx, v, &e)
	if err != nil {
		return err
	}
	if v.name+v.principal != "" && report.Exchanges == 0 && report.Found == 0 { // a quiet day is none to alarm about
		return hinted{fmt.Errorf("nothing was decided of what was asked for: %s", transcript.Visible(v.String())), "`cloakroom session ls` lists sessions"}
	}
	if v.asJSON {
		err = printJSON(cmd.OutOrStdout(), map[string]any{"sessions": report, "logs": logs})
	} else {
		printSessionReport(cmd.OutOrStdout(), report, logs)
	}
	if n := report.Found; err == nil && n > 0 {
		err = fmt.Errorf("verifying %s: %s", transcript.Visible(v.String()), counted(n, "finding"))
	}
	if v.evidence != "" {
		err = errors.Join(err, p.write(ctx, v, e))
	}
	return err
}

func printSessionReport(w io.Writer, r verify.SessionReport, logs verify.LogReport) {
	fmt.Fprintf(w, "exchanges   %d, %d of them refused, %d without an end of their own\n", r.Exchanges, r.Refused, r.Unfinished)
	fmt.Fprintf(w, "put in      %s, and %d that may have been where there is no end; %d that cannot be judged by rules that are not kept, or of which an entry has not all\n", counted(r.Substitutions, "value"), r.Uncertain, r.Unjudged)
	fmt.Fprintf(w, "recordings  %d read, %d of them kept in part; %d expired, %d not recorded, %d with a part lost, %d under a key that is not here\n", r.Recorded, r.Partly, r.Expired, r.Off, r.Lost, r.Sealed)
	if r.Erased+r.ToErase > 0 {
		fmt.Fprintf(w, "erased      %s, as acts say; %d that were to be, and are still there\n", counted(r.Erased, "recording"), r.ToErase)
	}
	fmt.Fprintf(w, "searched    %d bytes that agents got and %d that they sent, for %s in every form\n", r.Searched, r.Sent, counted(r.Values, "value"))
	fmt.Fprintf(w, "not anew    %d bytes that agents got rest on the masker's word", r.Trusted)
	if len(r.Sets) > 0 {
		fmt.Fprintf(w, " (pattern sets %s)", transcript.Visible(strings.Join(r.Sets, ", ")))
	}
	fmt.Fprintln(w)
	for _, l := range logs.Logs {
		fmt.Fprintf(w, "log         %s: %d entries, %d of them signed\n", transcript.Visible(l.Log), l.Entries, l.Signed)
	}
	for _, n := range logs.Notes {
		fmt.Fprintf(w, "note        %s\n", transcript.Visible(n))
	}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "FOUND       %s\n", transcript.Visible(f.String()))
	}
	if more := r.Found - len(r.Findings); more > 0 {
		fmt.Fprintf(w, "FOUND       %d more\n", more)
	}
	if r.Found == 0 {
		fmt.Fprintln(w, "findings    none")
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
