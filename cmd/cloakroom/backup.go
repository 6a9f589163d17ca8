package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"cloakroom/internal/checkpoint"
	"cloakroom/internal/config"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
	"cloakroom/internal/secret"
	"cloakroom/internal/store/sqlite"
)

func newStore(o *options) *cobra.Command {
	return group("store", "The store of leases, bars and the log's index", newStoreBackup(o), newStoreRestore(o))
}

func newStoreBackup(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "Copy the store to a new file, also while the service runs",
		Long: `Copy the store to a new file, as it is at one moment, also while the service
runs. The file holds no value of a credential; leases in it are sealed with the
root key, which it does not hold either: keep that one elsewhere.

The log is not part of it: it is a folder of plain files (record.dir), and the
store's index of it is made anew from there.`,
		Args: oneArg("the new file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := loadRules(o.config)
			if err == nil {
				err = onlySQLite(cfg, "pg_dump")
			}
			if err == nil {
				err = storeExists(cfg)
			}
			if err != nil {
				return err
			}
			return backup(cmd.Context(), cfg, args[0], cmd.OutOrStdout())
		},
	}
}

func backup(ctx context.Context, cfg *config.Config, to string, w io.Writer) error {
	err := sqlite.Backup(ctx, cfg.Store.Path, to)
	if errors.Is(err, fs.ErrExist) {
		return hinted{fmt.Errorf("%q is there already, and is not written over", to), "name a new file, such as cloakroom-$(date +%F).db"}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "copied %s to %s\n", cfg.Store.Path, to)
	err = withLedger(ctx, cfg, func(l ledger) error { return l.leave(ctx, record.Act{Name: "backup", Target: to}) })
	if err != nil { // a backup is made of any version, and the file is there
		fmt.Fprintf(w, "the log does not tell of it: %v\n", err)
	}
	return nil
}

func newStoreRestore(o *options) *cobra.Command {
	var sure bool
	c := &cobra.Command{
		Use: "restore FILE", Short: "Put a backup in the store's place, while no service runs",
		Long: `Put a backup in the store's place, while no service runs. The backup is read
through first, and brought to this program's version; the store that was there is
kept beside it.

A lease that was revoked since the backup was made would be active in it: so every
lease in it that has not ended is revoked, and who needs one asks anew. The bars of
the store that was there are taken over.`,
		Args: oneArg("the backup's file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := loadRules(o.config)
			if err == nil {
				err = onlySQLite(cfg, "pg_restore")
			}
			if err == nil {
				err = confirm(cmd, fmt.Sprintf("Put %s in the place of %s, and end every lease in it?", args[0], cfg.Store.Path), sure)
			}
			if err != nil {
				return err
			}
			return restore(cmd.Context(), cfg, args[0], cmd.OutOrStdout())
		},
	}
	c.Flags().BoolVarP(&sure, "yes", "y", false, "do not ask")
	return c
}

// onlySQLite leaves a PostgreSQL database to PostgreSQL's own tools.
func onlySQLite(cfg *config.Config, tool string) error {
	if cfg.Store.URL == "" {
		return nil
	}
	hint := "use " + tool + " on it"
	if tool == "pg_restore" {
		hint += " while no replica runs, then: cloakroom lease revoke --all --for 1s (leases that were revoked since would be active again)"
	}
	return usageError{hinted{fmt.Errorf("the store %s is PostgreSQL's to back up", cfg.Store.Name()), hint}}
}

func restore(ctx context.Context, cfg *config.Config, backup string, w io.Writer) error {
	// What commands left in the store that is there; a broken one is no obstacle.
	_ = withLedger(ctx, cfg, func(l ledger) error { return l.write(ctx) })
	lock, err := record.Lock(cfg.Record.Dir)
	if errors.Is(err, record.ErrLocked) {
		return hinted{fmt.Errorf("restoring %q: a service runs", cfg.Store.Path), "stop it first"}
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	root, err := existingRoot(cfg)
	if err != nil {
		return err
	}
	r := restoring{from: backup}
	if err := os.MkdirAll(filepath.Dir(cfg.Store.Path), 0o700); err != nil {
		return fmt.Errorf("making folder for the store: %w", err)
	}
	kept, err := sqlite.Restore(ctx, backup, cfg.Store.Path, func(db *sqlite.DB) error {
		l, err := openLedger(cfg, db, root)
		if err != nil {
			return err
		}
		if r.leases, err = leasesIn(l); err != nil {
			return err
		}
		return errors.Join(r.prepare(ctx), r.head(ctx, root))
	})
	if errors.Is(err, sqlite.ErrOpen) {
		return hinted{err, "stop every service and command that uses it"}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "restored %s from %s: %d leases that had not ended are revoked\n", cfg.Store.Path, backup, r.ended)
	if kept != "" {
		fmt.Fprintf(w, "the store that was there is now %s\n", kept)
		r.tellBars(w)
	}
	return nil
}

// restoring is a copy of a backup that is about to become the store.
type restoring struct {
	leases
	from          string
	ended, barred int
	barsLost      error // why the bars of the store that was there are not known
}

func (r *restoring) tellBars(w io.Writer) {
	if r.barsLost != nil {
		fmt.Fprintf(w, "its bars are lost, put them up again: %v\n", r.barsLost)
		return
	}
	fmt.Fprintf(w, "%d of its bars are taken over\n", r.barred)
}

// prepare lets nothing in the copy be more than it is in the store: leases end,
// what stands in their way stays, and it is no earlier than now.
func (r *restoring) prepare(ctx context.Context) error {
	if err := r.end(ctx); err != nil {
		return err
	}
	if err := r.db.Mark(ctx, time.Now()); err != nil {
		return err
	}
	if err := r.leave(ctx, record.Act{Name: "restore", Target: r.from, N: r.ended, Detail: "so many leases were revoked"}); err != nil {
		return err
	}
	was, err := openIndex(ctx, r.config)
	if err != nil {
		r.barsLost = err // a backup may be there because the store is broken
		return nil
	}
	defer was.Close()
	bars, err := was.Bars(ctx)
	if err != nil {
		r.barsLost = err
		return nil
	}
	return r.take(ctx, bars)
}

// head gives the copy the log's head as the store had it: else the log, which notes
// that, would be told from the store by whoever verifies it.
func (r *restoring) head(ctx context.Context, root secret.Root) error {
	text, err := checkpoint.Receipt(checkpoint.ReceiptPath(r.config.Record.Dir, checkpoint.StoreName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	key, err := logKey(root)
	if err != nil {
		return err
	}
	head, err := checkpoint.Open(text, key.Verifier())
	if err != nil {
		return nil // `log verify` has more to say about it
	}
	return r.db.PutHead(ctx, head.Log, head.Size, head.Note)
}

// end revokes what has not ended, pending ones too.
func (r *restoring) end(ctx context.Context) error {
	k, err := r.keeper(ctx)
	if err != nil {
		return err
	}
	rows, _, err := r.db.Unended(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		_, err := k.Revoke(ctx, row.ID, "restore", time.Now())
		switch {
		case err == nil:
			r.ended++
		case !errors.Is(err, lease.ErrEnded) && !errors.Is(err, lease.ErrUnknown): // expired, or no lease under this root key
			return err
		}
	}
	return nil
}

// take adds the bars that are not there.
func (r *restoring) take(ctx context.Context, bars []lease.BarRow) error {
	has := map[string]bool{}
	mine, err := r.db.Bars(ctx)
	if err != nil {
		return err
	}
	for _, b := range mine {
		has[b.ID] = true
	}
	for _, b := range bars {
		if has[b.ID] {
			continue
		}
		if err := r.db.PutBar(ctx, b); err != nil {
			return err
		}
		r.barred++
	}
	return nil
}
