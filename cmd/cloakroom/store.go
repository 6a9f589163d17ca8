package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/user"
	"time"

	"cloakroom/internal/checkpoint"
	"cloakroom/internal/config"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
	"cloakroom/internal/store/postgres"
	"cloakroom/internal/store/sqlite"
)

// store is where state is kept.
type store interface {
	lease.Store
	record.Index
	record.Acts
	checkpoint.Heads
	Snapshot(ctx context.Context) (record.Snapshot, error)
	Close() error
}

// openStore opens the configuration's store; a SQLite file is made if there is
// none. log is the id of the log that its index is to follow.
func openStore(ctx context.Context, cfg *config.Config, log string) (store, error) {
	if cfg.Store.URL == "" {
		return opened(sqlite.Open(ctx, cfg.Store.Path))
	}
	at, err := databaseURL(cfg.Store)
	if err != nil {
		return nil, err
	}
	return opened(postgres.Open(ctx, at, log))
}

// openIndex opens the store that is there to be read.
func openIndex(ctx context.Context, cfg *config.Config) (store, error) {
	if err := storeExists(cfg); err != nil {
		return nil, err
	}
	if cfg.Store.URL == "" {
		return opened(sqlite.OpenReader(ctx, cfg.Store.Path))
	}
	at, err := databaseURL(cfg.Store)
	if err != nil {
		return nil, err
	}
	return opened(postgres.OpenReader(ctx, at))
}

// opened is a store, or a nil that tells that there is none to close.
func opened[S store](s S, err error) (store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// openExisting opens the store that is there to be written. One of another version is
// an error: a command brings none to its own, under a service that may run.
func openExisting(ctx context.Context, cfg *config.Config) (store, error) {
	current, err := openIndex(ctx, cfg)
	if err != nil {
		return nil, err
	}
	current.Close()
	log, err := record.ID(cfg.Record.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		log, err = unindexed, nil // a command on a machine where no replica runs
	}
	if err != nil {
		return nil, err
	}
	return openStore(ctx, cfg, log)
}

// unindexed is the id of the log that a command has which indexes none.
const unindexed = "none"

// databaseURL is the URL of a PostgreSQL database, with its password.
func databaseURL(s config.Store) (string, error) {
	if s.Password == nil {
		return s.URL, nil
	}
	password, err := s.Password.Read()
	if err != nil {
		return "", fmt.Errorf("reading the store's password: %w", err)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return "", errors.New("the store's URL is none") // the error would quote it
	}
	u.User = url.UserPassword(u.User.Username(), string(password.Reveal()))
	return u.String(), nil
}

// storeExists refuses where a command would only make an empty store.
func storeExists(cfg *config.Config) error {
	if cfg.Store.URL != "" {
		return nil
	}
	if _, err := os.Stat(cfg.Store.Path); errors.Is(err, fs.ErrNotExist) {
		return hinted{fmt.Errorf("no store at %q: nothing was recorded yet", cfg.Store.Path), "start the service first: cloakroom up"}
	}
	return nil
}

// leases are what a command sees of the leases in the store.
type leases struct {
	ledger
	key [32]byte // that their rows are sealed with
}

// withLeases gives a command the leases, to be read.
func withLeases(ctx context.Context, o *options, do func(leases) error) error {
	return o.leases(ctx, openIndex, do)
}

// withKeeper lets a command change leases, beside the services that run.
func withKeeper(ctx context.Context, o *options, do func(leases, *lease.Keeper) error) error {
	return o.leases(ctx, openExisting, func(l leases) error {
		k, err := l.keeper(ctx)
		if err != nil {
			return err
		}
		return do(l, k)
	})
}

func (o *options) leases(ctx context.Context, open func(context.Context, *config.Config) (store, error), do func(leases) error) error {
	cfg, err := loadRules(o.config)
	if err != nil {
		return err
	}
	return ledgerOf(ctx, cfg, open, func(of ledger) error {
		l, err := leasesIn(of)
		if err != nil {
			return err
		}
		return do(l)
	})
}

func leasesIn(l ledger) (leases, error) {
	key, err := l.root.Derive("lease")
	return leases{l, key}, err
}

// keeper is one for the time of a command: nobody follows the store for it.
func (l leases) keeper(ctx context.Context) (*lease.Keeper, error) {
	return lease.NewKeeper(ctx, l.db, l.key, lease.Options{Confirm: -1}, time.Now())
}

// operator names who gives a command, for the record: "cli:USER@HOST".
func operator() string {
	name, host := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return "cli:" + name + "@" + host
}
