package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"cloakroom/internal/approval"
	"cloakroom/internal/checkpoint"
	"cloakroom/internal/config"
	"cloakroom/internal/decide"
	"cloakroom/internal/exchange"
	"cloakroom/internal/grant"
	"cloakroom/internal/lease"
	"cloakroom/internal/metrics"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/replace"
	"cloakroom/internal/search"
	"cloakroom/internal/secret"
)

// service is the running service without its listeners.
type service struct {
	logger  *slog.Logger
	root    secret.Root
	keys    secret.Keys
	metrics *metrics.Metrics
	started *config.Config // Envoy's routes follow from it

	reloading sync.Mutex // held while rules or snapshot are made anew
	rules     atomic.Pointer[rules]
	snapshot  atomic.Pointer[exchange.Snapshot]

	vault     *secret.Vault
	db        store
	keeper    *lease.Keeper
	holds     *decide.Holds
	desk      *approval.Desk
	notices   *notices
	page      [32]byte // seals what people's browsers keep for the page
	acts      [32]byte // seals what commands leave in the store
	log       *record.Log
	book      *search.Book        // fingerprints of every value that ever was in force
	marks     [][32]byte          // what tokens are marked with in recordings, or were
	recorder  *recording.Recorder // nil: recording is off
	kept      keptRules           // that were in force last
	packs     recordings          // what was recorded, to be read on the page
	follower  *record.Follower
	decisions *leaseLog
	indexed   chan struct{} // closed when the follower has ended; nil before it is started

	witnesses   witnesses
	checkpoints *checkpoint.Keeper
	signed      chan struct{} // closed when the log's end is signed; nil before anything is

	codec  *grant.Codec
	engine *exchange.Engine
}

// How many requests are held for people at most. Envoy's circuit breakers on the
// way to the service let through far more.
const (
	heldOfOne = 8
	heldInAll = 256
)

// openService makes a service of a configuration; nothing listens yet.
func openService(ctx context.Context, cfg *config.Config, logger *slog.Logger) (_ *service, err error) {
	s := &service{logger: logger, metrics: metrics.New(), started: cfg, holds: decide.NewHolds(heldOfOne, heldInAll)}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	root, err := rootKey(cfg)
	if err != nil {
		return nil, err
	}
	s.root = root
	if s.keys, err = root.Keys(); err != nil {
		return nil, err
	}
	if s.vault, err = secret.Open(cfg.Sources, cfg.Mask.Former, s.valuesChanged); err != nil {
		return nil, err
	}
	r, err := s.compile(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := s.openLog(cfg); err != nil {
		return nil, err
	}
	if err := s.putInForce(r); err != nil {
		return nil, err
	}
	if err := s.openState(ctx, cfg, root); err != nil {
		return nil, err
	}
	if err := s.openRecorder(ctx, cfg); err != nil {
		return nil, err
	}
	if s.packs, err = openRecordings(ctx, cfg, root); err != nil {
		return nil, err
	}
	s.export()
	s.exportRecorder()
	return s, s.openCores(r)
}

// export lets the metrics read what the log and the leases count themselves.
func (s *service) export() {
	s.metrics.Count("log_entries_total", "Entries that are on disk.", func() float64 { return float64(s.log.Stats().Entries) })
	s.metrics.Count("log_failures_total", "Commits of the log that failed.", func() float64 { return float64(s.log.Stats().Failures) })
	s.metrics.Count("log_notes_lost_total", "Entries lost while the log could not be written.", func() float64 { return float64(s.log.Stats().NotesLost) })
	s.metrics.Gauge("index_lag", "Entries of the log that are not indexed yet.", func() float64 { return float64(s.follower.Lag()) })
	s.metrics.Gauge("log_entries_unwitnessed", "Entries of the log that some witness has no checkpoint of.", func() float64 { return float64(s.checkpoints.Unwitnessed()) })
	s.metrics.Count("checkpoint_failures_total", "Checkpoints that were not signed, or not taken by a witness.", func() float64 { return float64(s.checkpoints.Failures()) })
	s.metrics.Gauge("leases_active", "Leases that are live.", func() float64 { return float64(s.keeper.Active()) })
	s.metrics.Gauge("requests_held", "Requests that are held for an answer.", func() float64 { return float64(s.holds.Held()) })
}

// rootKey reads the instance's root key, and makes it on the first start.
func rootKey(cfg *config.Config) (secret.Root, error) {
	if cfg.Keys.Env != "" {
		return secret.RootFromEnv(cfg.Keys.Env, os.LookupEnv)
	}
	if err := os.MkdirAll(filepath.Dir(cfg.Keys.File), 0o700); err != nil {
		return secret.Root{}, fmt.Errorf("making folder for the root key: %w", err)
	}
	root, _, err := secret.OpenRoot(cfg.Keys.File)
	return root, err
}

// putInForce compiles the masks for r's inventory and swaps both in.
func (s *service) putInForce(r *rules) error {
	current, former := s.vault.Values()
	if err := s.remember(current, former); err != nil {
		return err
	}
	key, err := s.root.Derive("set")
	if err != nil {
		return err
	}
	snapshot, err := exchange.Compile(key, r.set, current, former)
	if err != nil {
		return err
	}
	s.snapshot.Store(snapshot)
	s.rules.Store(r)
	return nil
}

// valuesChanged is called by the vault when a source changed, failed or came
// back. A value that cannot be masked is not put in force: the old ones stay.
func (s *service) valuesChanged() {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	s.tellFailing()
	r := s.rules.Load()
	if r == nil {
		return
	}
	if err := s.putInForce(r); err != nil {
		s.logger.Error("changed values are not in force", "error", err)
		return
	}
	s.noteRules(context.Background(), false)
}

// tellFailing tells of the sources that fail.
func (s *service) tellFailing() {
	for name, err := range s.vault.Failing() {
		s.metrics.SourceFailed(name)
		s.logger.Error("a credential is unavailable", "credential", name, "error", err)
	}
}

// openState opens the store, the leases and the log.
func (s *service) openState(ctx context.Context, cfg *config.Config, root secret.Root) error {
	err := os.MkdirAll(filepath.Dir(cfg.Store.Path), 0o700)
	if err != nil {
		return fmt.Errorf("making the store's folder: %w", err)
	}
	if s.notices, err = s.openNotices(cfg); err != nil {
		return err
	}
	if s.db, err = openStore(ctx, cfg, s.log.ID()); err != nil {
		return err
	}
	key, err := root.Derive("lease")
	if err != nil {
		return err
	}
	if s.keeper, err = lease.NewKeeper(ctx, s.db, key, lease.Options{Logger: s.logger, Changed: s.leaseChanged}, time.Now()); err != nil {
		return err
	}
	s.decisions = newLeaseLog(s.log, s.keeper)
	if s.page, err = root.Derive("page"); err != nil {
		return err
	}
	if s.acts, err = root.Derive("act"); err != nil {
		return err
	}
	if s.follower, err = record.NewFollower(s.log, s.db, s.logger); err != nil {
		return err
	}
	return s.openCheckpoints(ctx, cfg)
}

// openCores makes the two cores and what ties them.
func (s *service) openCores(r *rules) error {
	if exchange.Unmasked {
		s.logger.Error("THIS BUILD MASKS NOTHING: agents get every value that a backend gives back. It is for tests of the search alone")
	}
	var err error
	if s.codec, err = grant.New(s.keys.Grant()); err != nil {
		return err
	}
	if s.engine, err = exchange.New(exchange.Deps{
		Snapshot: s.snapshot.Load, Leases: standing{s.keeper}, Grants: s.codec, Log: s.log, Observer: s.metrics,
		Tapes: s.tapes(), Rule: s.recordingRule,
	}); err != nil {
		return err
	}
	if err := s.lead(r); err != nil {
		return err
	}
	s.desk, err = s.openDesk()
	return err
}

// background runs what follows files, leases and the log until ctx ends.
func (s *service) background(ctx context.Context) {
	go s.vault.Watch(ctx)
	go s.keeper.Run(ctx)
	go s.followBars(ctx)
	go s.followActs(ctx)
	s.noteAct("start")
	s.noteRules(ctx, true)
	s.indexed = make(chan struct{})
	go func() {
		defer close(s.indexed)
		// ends after the log is closed, with everything indexed
		if err := s.follower.Run(context.WithoutCancel(ctx)); err != nil {
			s.metrics.StoreFailed("index")
			s.logger.Error("the log's index is behind", "error", err)
		}
	}()
	s.signed = make(chan struct{})
	go func() {
		defer close(s.signed)
		s.checkpoints.Run(context.WithoutCancel(ctx)) // ends after the log is closed
	}()
}

// ready tells why the service cannot let anything go, nil if it can.
func (s *service) ready() error {
	_, recorded := s.engine.Ready("")
	return errors.Join(s.log.Err(), s.keeper.Err(), recorded)
}

// close tells people what they are still to hear, ends the log, waits for its index, and closes the store.
func (s *service) close() {
	if s.notices != nil {
		s.notices.close()
	}
	s.closeRecorder()
	if s.packs != nil {
		s.packs.Close() // nothing was written by it
	}
	if s.log != nil {
		if s.indexed != nil {
			s.noteAct("stop")
		}
		if err := s.log.Close(); err != nil {
			s.logger.Error("closing the log", "error", err)
		}
	}
	s.await(s.indexed, "the log's index is behind; it catches up at the next start")
	s.await(s.signed, "the log's end is not signed; it is at the next start")
	s.witnesses.Close() // everything was written before
	if s.book != nil {
		s.book.Close() // what counts was synced
	}
	if s.db != nil {
		if err := s.db.Close(); err != nil {
			s.logger.Error("closing the store", "error", err)
		}
	}
}

// await gives what follows the log some time to end, if it was started.
func (s *service) await(ended <-chan struct{}, otherwise string) {
	if ended == nil {
		return
	}
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		s.logger.Warn(otherwise)
	}
}

// masker hides the values in force now in a text of ours.
type masker struct{ s *service }

func (m masker) Mask(text string) replace.Masked { return m.s.snapshot.Load().Mask(text) }
