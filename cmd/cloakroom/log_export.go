package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cloakroom/internal/export"
	"cloakroom/internal/record"
	"cloakroom/internal/transcript"
)

// exportFlags are what `log export` is called with.
type exportFlags struct {
	format, to, state string
	since             time.Time
	follow, asJSON    bool
}

func newLogExport(o *options) *cobra.Command {
	var f exportFlags
	c := &cobra.Command{
		Use: "export", Short: "Export the log's entries as events for a SIEM: OCSF or ECS", Args: noArgs,
		Long: `Export the entries of this machine's log as events: JSON lines to standard output
or to the end of a file, or OpenTelemetry log records to a collector. An event
comes once at least, and has an id of its own by which a receiver drops what it
has already. Nothing in the log is changed.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return exportLog(cmd, o, f) },
	}
	c.Flags().StringVar(&f.format, "format", string(export.OCSF), "the events' schema: ocsf or ecs")
	c.Flags().StringVar(&f.to, "to", "-", `where to: "-", a file, or a collector's URL (OTLP over HTTP)`)
	c.Flags().StringVar(&f.state, "state", "", "file that keeps how far was exported; the next run goes on there")
	c.Flags().Var((*moment)(&f.since), "since", "only entries since then: a time, a day, or how long ago, e.g. 24h or 7d")
	c.Flags().BoolVar(&f.follow, "follow", false, "go on with what is logged from now on, until interrupted")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print the summary as JSON")
	return c
}

func exportLog(cmd *cobra.Command, o *options, f exportFlags) error {
	cfg, err := loadRules(o.config)
	if err != nil {
		return err
	}
	id, err := record.ID(cfg.Record.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return hinted{fmt.Errorf("no log in %q: nothing was recorded yet", cfg.Record.Dir), "start the service first: cloakroom up"}
	}
	if err != nil {
		return err
	}
	m, err := export.NewMapper(export.Format(f.format), id, versionText())
	if err != nil {
		return usageError{err}
	}
	sink, err := f.sink(cmd.Context(), cmd.OutOrStdout(), m)
	if err != nil {
		return err
	}
	job := export.Job{Dir: cfg.Record.Dir, Mapper: m, Sink: sink, State: f.state, Since: f.since, Follow: f.follow,
		Failed: func(err error) {
			fmt.Fprintf(cmd.ErrOrStderr(), "cloakroom: warning: %s\n", transcript.Visible(err.Error()))
		}}
	if f.state != "" {
		job.Aside = f.state + ".rejected"
	}
	done, err := export.Run(cmd.Context(), job)
	if err = errors.Join(err, sink.Close()); errors.Is(err, record.ErrBroken) {
		err = hinted{err, "`cloakroom log verify` tells what is wrong with the log"}
	}
	if err == nil && done.Rejected > 0 {
		err = f.rejected(done)
	}
	return errors.Join(err, f.summary(cmd, done))
}

// rejected says where what a collector does not take is.
func (f exportFlags) rejected(done export.Summary) error {
	err := coded{fmt.Errorf("%d of %d events were rejected", done.Rejected, done.Events), exitFailed}
	if f.state == "" {
		return hinted{err, "with --state FILE they would be kept in FILE.rejected"}
	}
	return hinted{err, fmt.Sprintf("they are in %q", f.state+".rejected")}
}

// sink is where the events go.
func (f exportFlags) sink(ctx context.Context, stdout io.Writer, m *export.Mapper) (export.Sink, error) {
	switch {
	case f.to == "-":
		return export.ToWriter(stdout), nil
	case strings.Contains(f.to, "://"):
		return export.ToCollector(ctx, f.to, m)
	}
	return export.ToFile(f.to)
}

// summary says what was exported, beside the events where they stand on standard
// output.
func (f exportFlags) summary(cmd *cobra.Command, done export.Summary) error {
	w := cmd.OutOrStdout()
	if f.to == "-" {
		w = cmd.ErrOrStderr()
	}
	if f.asJSON {
		return printJSON(w, done)
	}
	_, err := fmt.Fprintf(w, "exported %d events of %d entries of log %s, up to entry %d\n", done.Events-done.Rejected, done.Entries, done.Log, done.Last)
	return err
}
