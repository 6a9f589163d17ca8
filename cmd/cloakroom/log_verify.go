package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cloakroom/internal/transcript"
	"cloakroom/internal/verify"
)

// verifyFlags are what `log verify` is called with.
type verifyFlags struct {
	keys, logs, witnesses []string
	signers               []string // keys of witnesses that sign, for an evidence file
	values                []string // files with values to search for in it
	asJSON                bool
}

func newLogVerify(o *options) *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use: "verify [FILE]", Short: "Find what was changed in the log, or in an evidence file", Args: atMostOneArg("an evidence file"),
		Long: `Recompute the log from its lines, and compare it with its signed checkpoints,
with what witnesses kept, with the logs of other replicas, with the store's index
and with what is recorded. Each finding says where; exit 1 on any. With an evidence
file only that is read, and nothing of an instance is needed but its public key; nor
where there is no configuration, and copies of logs are named with --log and --key.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 1 && len(f.logs)+len(f.witnesses) > 0:
				return usageError{errors.New("--log and --witness are about logs: of an evidence file nothing is compared with them")}
			case len(args) == 1:
				return verifyEvidence(cmd, args[0], f)
			case len(f.signers)+len(f.values) > 0:
				return usageError{errors.New("--witness-key and --value-file go with an evidence file")}
			}
			return verifyLogs(cmd, o, f)
		},
	}
	c.Flags().StringArrayVar(&f.keys, "key", nil, "verifier key of the checkpoints, also repeated; else this instance's own")
	c.Flags().StringArrayVar(&f.logs, "log", nil, "folder of another replica's log, also repeated")
	c.Flags().StringArrayVar(&f.witnesses, "witness", nil, "folder of one more witness, also repeated")
	c.Flags().StringArrayVar(&f.signers, "witness-key", nil, "of an evidence file: verifier key of a witness that signs, also repeated")
	c.Flags().StringArrayVar(&f.values, "value-file", nil, "of an evidence file: search it for the value in this file, \"-\" for the input, also repeated")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	return c
}

func verifyLogs(cmd *cobra.Command, o *options, f verifyFlags) error {
	s := &logSources{}
	defer s.close()
	if err := s.find(cmd.Context(), o, f); err != nil {
		return err
	}
	report, err := s.Verify(cmd.Context())
	if err != nil {
		return err
	}
	if f.asJSON {
		err = printJSON(cmd.OutOrStdout(), report)
	} else {
		printLogReport(cmd.OutOrStdout(), report)
	}
	if err == nil && report.Found > 0 {
		err = hinted{fmt.Errorf("the log is not what it was: %d findings", report.Found), "keep a copy of the folders, the store and the witnesses for whoever looks into it"}
	}
	return err
}

func printLogReport(w io.Writer, r verify.LogReport) {
	for _, l := range r.Logs {
		fmt.Fprintf(w, "log %s: %d entries, %d of them signed, root %s (%s)\n", transcript.Visible(l.Log), l.Entries, l.Signed, l.Root, l.Dir)
	}
	fmt.Fprintf(w, "compared: %d checkpoints of witnesses, %d rows of the store's index, %d parts of recordings (%d deleted in time, %d erased)\n",
		r.Witnessed, r.Rows, r.Parts, r.Deleted, r.Erased)
	for _, n := range r.Notes {
		fmt.Fprintf(w, "note: %s\n", transcript.Visible(n))
	}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "finding: %s\n", transcript.Visible(f.String()))
	}
	if more := r.Found - len(r.Findings); more > 0 {
		fmt.Fprintf(w, "and %d findings more\n", more)
	}
	if r.Found == 0 {
		fmt.Fprintln(w, "nothing was found")
	}
}
