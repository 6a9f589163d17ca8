package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"cloakroom/internal/checkpoint"
	"cloakroom/internal/config"
	"cloakroom/internal/record"
	"cloakroom/internal/replace"
	"cloakroom/internal/secret"
)

// actsWait is how long a command waits for a service to log its act.
const actsWait = 5 * time.Second

// ledger brings what a command does into the log.
type ledger struct {
	config *config.Config
	root   secret.Root
	db     store
	seals  [32]byte // the key that acts are sealed with
}

func openLedger(cfg *config.Config, db store, root secret.Root) (ledger, error) {
	key, err := root.Derive("act")
	return ledger{cfg, root, db, key}, err
}

// withLedger gives a command the ledger of the store that is there, to be written.
func withLedger(ctx context.Context, cfg *config.Config, do func(ledger) error) error {
	return ledgerOf(ctx, cfg, openExisting, do)
}

// ledgerOf gives a command the ledger of the store that open opens.
func ledgerOf(ctx context.Context, cfg *config.Config, open func(context.Context, *config.Config) (store, error), do func(ledger) error) error {
	root, err := existingRoot(cfg)
	if err != nil {
		return err
	}
	db, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	defer db.Close()
	l, err := openLedger(cfg, db, root)
	if err != nil {
		return err
	}
	return do(l)
}

// seal are acts of whoever gives the command.
func (l ledger) seal(acts ...record.Act) (rows []record.ActRow, err error) {
	for _, a := range acts {
		a.By = operator()
		r, err := record.SealAct(l.seals, a, time.Now())
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// leave leaves acts to the service that writes the log, to the next one that
// starts if none does.
func (l ledger) leave(ctx context.Context, acts ...record.Act) error {
	rows, err := l.seal(acts...)
	if err == nil {
		err = l.db.PutActs(ctx, rows...)
	}
	if err != nil {
		return fmt.Errorf("recording what was done: %w", err)
	}
	return nil
}

// enter returns once the act is in the log: a service wrote it there, or this
// command where none does.
func (l ledger) enter(ctx context.Context, act record.Act) error {
	err := l.enterAll(ctx, act)
	if err == nil {
		return nil
	}
	hint := "what is recorded is not shown before the log tells of it"
	if errors.Is(err, record.ErrBroken) {
		hint += "; `cloakroom log verify` and `cloakroom session verify` tell what is wrong with the log"
	}
	return hinted{fmt.Errorf("entering %q of %q in the log: %w", act.Name, cmp.Or(act.Session, act.Target, act.Detail), err), hint}
}

// enterAll is enter for many acts, without words for whoever reads.
func (l ledger) enterAll(ctx context.Context, acts ...record.Act) error {
	rows, err := l.seal(acts...)
	if err == nil {
		err = l.db.PutActs(ctx, rows...)
	}
	for i := 0; i < len(rows) && err == nil; i++ {
		err = l.await(ctx, rows[i].ID)
	}
	return err
}

// await returns once a receipt says that an act is in a log.
func (l ledger) await(ctx context.Context, id string) error {
	late := time.After(actsWait)
	for {
		row, err := l.db.Receipt(ctx, id)
		if err == nil {
			_, err = row.OpenReceipt(l.seals, id)
			return err
		}
		if !errors.Is(err, record.ErrNoReceipt) {
			return err
		}
		if err := l.write(ctx); err != nil {
			return err
		}
		select {
		case <-time.After(actsPause / 4):
		case <-late:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// write writes what the store keeps to the log that is here, unless a service
// does.
func (l ledger) write(ctx context.Context) error {
	dir := l.config.Record.Dir
	if _, err := record.ID(dir); errors.Is(err, fs.ErrNotExist) {
		return nil // services are elsewhere
	}
	lock, err := record.Lock(dir) // record.Open would wait for it
	if errors.Is(err, record.ErrLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	err = l.whole()
	lock.Close()
	if err != nil {
		return err
	}
	none, err := replace.Compile(nil)
	if err != nil {
		return err
	}
	log, err := record.Open(dir, plain{none}, record.Options{SegmentBytes: l.config.Record.SegmentBytes, Logger: slog.New(slog.DiscardHandler)})
	if errors.Is(err, record.ErrLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	acts := newActLog(l.db, l.seals, log, slog.New(slog.DiscardHandler))
	return errors.Join(acts.take(ctx), log.Close())
}

// whole refuses to write behind the end of a log that was cut short: what was signed
// is all that tells where that was.
func (l ledger) whole() error {
	dir := l.config.Record.Dir
	note, err := checkpoint.Latest(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	key, err := logKey(l.root)
	if err != nil {
		return err
	}
	signed, err := checkpoint.Open(note, key.Verifier())
	if err != nil {
		return fmt.Errorf("opening log %q: %w: %w", dir, err, record.ErrBroken)
	}
	if last, err := record.Last(dir); err != nil || last < uint64(signed.Size) {
		return errors.Join(err, fmt.Errorf("opening log %q: it has %d entries, and %d were signed: %w", dir, last, signed.Size, record.ErrBroken))
	}
	return nil
}

// plain masks nothing: a command has no values. What acts say is from the log, which
// is masked, or what an operator typed as the name of a file.
type plain struct{ none *replace.Set }

func (p plain) Mask(text string) replace.Masked { return p.none.Mask(text, nil) }
