package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/checkpoint"
	"cloakroom/internal/config"
	"cloakroom/internal/recording"
	"cloakroom/internal/secret"
	"cloakroom/internal/verify"
)

// verifyFlags are what `log verify` is called with.
type verifyFlags struct {
	keys, logs, witnesses []string
	signers               []string // keys of witnesses that sign, for an evidence file
	asJSON                bool
}

func newLogVerify(o *options) *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use: "verify [FILE]", Short: "Find what was changed in the log, or in an evidence file", Args: atMostOneArg("an evidence file"),
		Long: `Recompute the log from its lines, and compare it with its signed checkpoints,
with what witnesses kept, with the logs of other replicas, with the store's index
and with what is recorded. Each finding says where; exit 1 on any. With an evidence
file only that is read, and nothing of an instance is needed but its public key.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return verifyEvidence(cmd, args[0], f)
			}
			return verifyLogs(cmd, o, f)
		},
	}
	c.Flags().StringArrayVar(&f.keys, "key", nil, "verifier key of the checkpoints, also repeated; else this instance's own")
	c.Flags().StringArrayVar(&f.logs, "log", nil, "folder of another replica's log, also repeated")
	c.Flags().StringArrayVar(&f.witnesses, "witness", nil, "folder of one more witness, also repeated")
	c.Flags().StringArrayVar(&f.signers, "witness-key", nil, "of an evidence file: verifier key of a witness that signs, also repeated")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	return c
}

func verifyLogs(cmd *cobra.Command, o *options, f verifyFlags) error {
	cfg, err := loadRules(o.config)
	if err != nil {
		return err
	}
	s := &logSources{}
	defer s.close()
	if err := s.open(cmd.Context(), cfg, f); err != nil {
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
		fmt.Fprintf(w, "log %s: %d entries, %d of them signed, root %s (%s)\n", l.Log, l.Entries, l.Signed, l.Root, l.Dir)
	}
	fmt.Fprintf(w, "compared: %d checkpoints of witnesses, %d rows of the store's index, %d parts of recordings (%d deleted in time)\n",
		r.Witnessed, r.Rows, r.Parts, r.Deleted)
	for _, n := range r.Notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "finding: %s\n", f)
	}
	if more := r.Found - len(r.Findings); more > 0 {
		fmt.Fprintf(w, "and %d findings more\n", more)
	}
	if r.Found == 0 {
		fmt.Fprintln(w, "nothing was found")
	}
}

// logSources are what logs are verified with, and what must be closed after.
type logSources struct {
	verify.Logs
	packs   map[string]*recording.Packs // by the log's folder
	closers []io.Closer
}

func (s *logSources) close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i].Close() // only read
	}
}

// open opens all that the configuration and the flags name. The store is looked at
// first, and the log then: so the log has all that the store can have.
func (s *logSources) open(ctx context.Context, cfg *config.Config, f verifyFlags) error {
	root, err := existingRoot(cfg)
	if err != nil {
		return err
	}
	s.Dirs, s.Now = append([]string{cfg.Record.Dir}, f.logs...), time.Now()
	if s.Keys, err = verifiers(root, f.keys); err != nil {
		return err
	}
	if err := s.openWitnesses(ctx, cfg, f.witnesses); err != nil {
		return err
	}
	if err := s.openStore(ctx, cfg); err != nil {
		return err
	}
	return s.openPacks(ctx, cfg, root)
}

// verifiers are the named keys, or the instance's own.
func verifiers(root secret.Root, named []string) (vs []note.Verifier, err error) {
	if len(named) == 0 {
		key, err := logKey(root)
		return []note.Verifier{key.Verifier()}, err
	}
	for _, text := range named {
		v, err := note.NewVerifier(text)
		if err != nil {
			return nil, usageError{hinted{errors.New("not a verifier key"), "`cloakroom log key` prints it on the instance's machine"}}
		}
		vs = append(vs, v)
	}
	return vs, nil
}

func (s *logSources) openWitnesses(ctx context.Context, cfg *config.Config, dirs []string) error {
	w, err := openWitnesses(ctx, cfg, s.Keys[0])
	if err != nil {
		return err
	}
	s.closers = append(s.closers, &w)
	for _, one := range w.all {
		switch one := one.(type) {
		case checkpoint.Archive:
			s.Archives = append(s.Archives, one)
		case *checkpoint.URL:
			s.Signers = append(s.Signers, one)
		}
	}
	for _, dir := range dirs {
		d, err := checkpoint.NewDir(dir, s.Keys[0])
		if err != nil {
			return err
		}
		s.Archives = append(s.Archives, d)
	}
	return nil
}

func (s *logSources) openStore(ctx context.Context, cfg *config.Config) error {
	db, err := openIndex(ctx, cfg)
	if err != nil {
		return err
	}
	s.closers, s.Store, s.Heads = append(s.closers, db), cfg.Store.Name(), db
	if s.Index, err = db.Snapshot(ctx); err != nil {
		return err
	}
	s.closers = append(s.closers, s.Index)
	return nil
}

// openPacks opens what is recorded beside each log.
func (s *logSources) openPacks(ctx context.Context, cfg *config.Config, root secret.Root) error {
	key, err := recordingKey(cfg, root)
	if err != nil {
		return err
	}
	s.Parts, s.packs = map[string]verify.Parts{}, map[string]*recording.Packs{}
	for _, dir := range s.Dirs {
		p, err := recording.OpenReader(ctx, dir, key, cfg.Record.Store)
		if err != nil {
			return err
		}
		s.closers = append(s.closers, p)
		s.Parts[dir], s.packs[dir] = p, p
	}
	return nil
}

// logKey is the key that signs the instance's logs.
func logKey(root secret.Root) (checkpoint.Key, error) {
	keys, err := root.Keys()
	if err != nil {
		return checkpoint.Key{}, err
	}
	return checkpoint.NewKey(keys.Log())
}

func newLogKey(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "key", Short: "Print the public key that the log's checkpoints are verified with", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadRules(o.config)
			if err != nil {
				return err
			}
			root, err := existingRoot(cfg)
			if err != nil {
				return err
			}
			key, err := logKey(root)
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), key)
			}
			return err
		},
	}
}

func newLogCheckpoint(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "checkpoint", Short: "Print the latest signed checkpoint of this machine's log", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadRules(o.config)
			if err != nil {
				return err
			}
			text, err := checkpoint.Latest(cfg.Record.Dir)
			if errors.Is(err, fs.ErrNotExist) {
				return hinted{errors.New("no checkpoint: nothing was signed yet"), "start the service first: cloakroom up"}
			}
			if err == nil {
				_, err = cmd.OutOrStdout().Write(text)
			}
			return err
		},
	}
}
