package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"cloakroom/internal/config"
	"cloakroom/internal/record"
)

// followConfig reloads on SIGHUP and when the file changes, until ctx ends.
func (s *service) followConfig(ctx context.Context) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	path := s.rules.Load().config.File
	events := make(chan fsnotify.Event)
	if w, err := fsnotify.NewWatcher(); err == nil {
		defer w.Close()
		// the folder, since editors replace the file
		if err := w.Add(filepath.Dir(path)); err == nil {
			events = w.Events
		}
	}
	var settled <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			s.reload(ctx, path)
		case e := <-events:
			if filepath.Base(e.Name) == filepath.Base(path) && e.Op&^fsnotify.Chmod != 0 {
				settled = time.After(100 * time.Millisecond)
			}
		case <-settled:
			settled = nil
			s.reload(ctx, path)
		}
	}
}

// reload puts the file's rules in force, or keeps the old ones and says so
// loudly.
func (s *service) reload(ctx context.Context, path string) {
	err := s.tryReload(ctx, path)
	s.metrics.Reloaded(err)
	entry := record.Reload{Revision: s.rules.Load().policy.Revision(), Credentials: len(s.rules.Load().config.Credentials)}
	if err != nil {
		entry.Error = err.Error()
		s.logger.Error("THE NEW CONFIGURATION IS BAD: the old rules stay in force", "file", path, "error", err)
	} else {
		s.logger.Info("the new configuration is in force", "file", path, "revision", entry.Revision)
	}
	s.log.Note(record.Entry{Reload: &entry})
}

func (s *service) tryReload(ctx context.Context, path string) error {
	cfg, warnings, err := config.Load(path, os.LookupEnv)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		s.logger.Warn("configuration", "warning", w.String())
	}
	old := s.rules.Load().config
	if !reflect.DeepEqual(cfg.Envoy, old.Envoy) || !reflect.DeepEqual(cfg.Listen, old.Listen) ||
		cfg.Store != old.Store || cfg.Record != old.Record || cfg.Keys != old.Keys {
		return errors.New("envoy, listen, store, record and keys cannot change without a restart")
	}
	r, err := s.compile(ctx, cfg)
	if err != nil {
		return err
	}
	if err := s.vault.Update(cfg.Sources); err != nil {
		return err
	}
	s.reloading.Lock()
	defer s.reloading.Unlock()
	return s.putInForce(r)
}
