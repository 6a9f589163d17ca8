package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/checkpoint"
	"cloakroom/internal/config"
	"cloakroom/internal/recording"
	"cloakroom/internal/secret"
	"cloakroom/internal/verify"
)

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

// find opens what an instance has, or the copies that are named where there is none.
func (s *logSources) find(ctx context.Context, o *options, f verifyFlags) error {
	if _, err := os.Stat(o.config); errors.Is(err, fs.ErrNotExist) {
		if len(f.keys) == 0 || len(f.logs) == 0 {
			return usageError{hinted{fmt.Errorf("no configuration %q", o.config),
				"name one with --config; or copies of logs with --log, and their key with --key; or an evidence file"}}
		}
		return s.openCopies(ctx, f)
	}
	cfg, err := loadRules(o.config)
	if err != nil {
		return err
	}
	return s.open(ctx, cfg, f)
}

// openCopies opens copies of logs, for whoever has their public key alone.
func (s *logSources) openCopies(ctx context.Context, f verifyFlags) (err error) {
	s.Dirs, s.Now = f.logs, time.Now()
	if s.Keys, err = verifiers(secret.Root{}, f.keys); err != nil {
		return err
	}
	if err := s.openDirs(f.witnesses); err != nil {
		return err
	}
	return s.openPacks(ctx, make([][32]byte, 1), "") // which are compared sealed
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
	if err := s.openWitnesses(ctx, cfg); err != nil {
		return err
	}
	if err := s.openDirs(f.witnesses); err != nil {
		return err
	}
	if err := s.openStore(ctx, cfg, root); err != nil {
		return err
	}
	keys, err := recordingKeys(cfg, root)
	if err != nil {
		return err
	}
	return s.openPacks(ctx, keys, cfg.Record.Store)
}

// verifiers are the named keys, or the instance's own.
func verifiers(root secret.Root, named []string) (vs []note.Verifier, err error) {
	if len(named) == 0 {
		key, err := logKey(root)
		if err != nil {
			return nil, err
		}
		return []note.Verifier{key.Verifier()}, nil
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

func (s *logSources) openWitnesses(ctx context.Context, cfg *config.Config) error {
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
	return nil
}

// openDirs opens witnesses that are folders.
func (s *logSources) openDirs(dirs []string) error {
	for _, dir := range dirs {
		d, err := checkpoint.NewDir(dir, s.Keys[0])
		if err != nil {
			return err
		}
		s.Archives = append(s.Archives, d)
	}
	return nil
}

func (s *logSources) openStore(ctx context.Context, cfg *config.Config, root secret.Root) error {
	db, err := openIndex(ctx, cfg)
	if err != nil {
		return err
	}
	s.closers, s.Store, s.Heads = append(s.closers, db), cfg.Store.Name(), db
	if s.State, err = stateOf(ctx, db, root, s.Now); err != nil {
		return err
	}
	if s.Index, err = db.Snapshot(ctx); err != nil {
		return err
	}
	s.closers = append(s.closers, s.Index)
	return nil
}

// openPacks opens what is recorded beside each log.
func (s *logSources) openPacks(ctx context.Context, keys [][32]byte, store string) error {
	s.Parts, s.packs = map[string]verify.Parts{}, map[string]*recording.Packs{}
	for _, dir := range s.Dirs {
		p, err := recording.OpenReader(ctx, dir, keys[0], store, keys[1:]...)
		if err != nil {
			return err
		}
		s.closers = append(s.closers, p)
		s.Parts[dir], s.packs[dir] = p, p
	}
	return nil
}
