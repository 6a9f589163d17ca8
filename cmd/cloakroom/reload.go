package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"cloakroom/internal/config"
	"cloakroom/internal/inventory"
	"cloakroom/internal/record"
)

// followConfig reloads on SIGHUP and when the file changes, or the folder's
// symlinks by which it is reached, or a file of the policy's folder, until ctx
// ends.
func (s *service) followConfig(ctx context.Context) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	path := s.rules.Load().config.File
	var events chan fsnotify.Event
	var errs chan error
	target := resolved(path)
	if w, err := fsnotify.NewWatcher(); err == nil {
		defer w.Close()
		// the folder, since editors replace the file
		if err := w.Add(filepath.Dir(path)); err == nil {
			events, errs = w.Events, w.Errors
		}
		s.followPolicy(w)
	}
	var settled <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			s.reload(ctx, path)
		case e := <-events:
			was := target
			if e.Has(fsnotify.Create) { // a symlink swapped on the way, as Kubernetes does it
				target = resolved(path)
			}
			if e.Op&^fsnotify.Chmod != 0 && (filepath.Base(e.Name) == filepath.Base(path) || s.ofPolicy(e.Name)) || target != was {
				settled = time.After(100 * time.Millisecond)
			}
		case <-errs: // an overflow: something was missed
			settled = time.After(100 * time.Millisecond)
		case <-settled:
			settled = nil
			s.reload(ctx, path)
		}
	}
}

// followPolicy watches the folders of the author's policy, those that are there
// now: for one that is new, SIGHUP.
func (s *service) followPolicy(w *fsnotify.Watcher) {
	dir := s.rules.Load().config.Policy.Dir
	if dir == "" {
		return
	}
	// what cannot be watched is read again on SIGHUP
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return w.Add(path)
		}
		return err
	})
}

// ofPolicy tells whether a file is one that the author's policy is made of.
func (s *service) ofPolicy(path string) bool {
	dir := s.rules.Load().config.Policy.Dir
	if dir == "" {
		return false
	}
	below, err := filepath.Rel(dir, path)
	if err != nil || below == ".." || strings.HasPrefix(below, "../") {
		return false
	}
	switch filepath.Ext(path) {
	case ".rego", ".json", ".yaml", ".yml":
		return true
	}
	return false
}

// resolved is where path leads to; empty where it leads nowhere now.
func resolved(path string) string {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	return target
}

// reload puts the file's rules in force, or keeps the old ones and says so
// loudly.
func (s *service) reload(ctx context.Context, path string) {
	err := s.tryReload(ctx, path)
	s.metrics.Reloaded(err)
	revision := s.rules.Load().policy.Revision()
	if err != nil {
		s.logger.Error("THE NEW CONFIGURATION IS BAD: the old rules stay in force", "file", path, "error", err)
		s.log.Note(record.Entry{Reload: &record.Reload{Revision: revision, Credentials: len(s.rules.Load().config.Credentials), Error: err.Error()}})
		return
	}
	s.logger.Info("the new configuration is in force", "file", path, "revision", revision)
	s.noteRules(ctx, false)
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
		!reflect.DeepEqual(cfg.Store, old.Store) || !reflect.DeepEqual(fixed(cfg.Record), fixed(old.Record)) || cfg.Keys != old.Keys || cfg.Admin.URL != old.Admin.URL {
		return errors.New("envoy, listen, store, record, keys and admin.url cannot change without a restart")
	}
	if err := routed(cfg, s.started); err != nil {
		return err
	}
	if inventory.LongestWait(cfg.Credentials) > inventory.LongestWait(s.started.Credentials) {
		return errors.New("a tier's wait that is longer than any at the start needs a restart: how long Envoy waits follows from it")
	}
	r, err := s.compile(ctx, cfg)
	if err != nil {
		return err
	}
	if err := s.lead(r); err != nil {
		return err
	}
	receivers, err := s.notices.prepare(cfg)
	if err != nil {
		return err
	}
	if err := s.replace(r, old); err != nil {
		s.notices.discard(receivers)
		return err
	}
	s.notices.swap(receivers)
	return nil
}

// fixed is what of it cannot change without a restart.
func fixed(r config.Record) config.Record {
	r.Rules, r.Bodies, r.Retention = nil, 0, 0
	return r
}

// routed refuses what Envoy was not made for when it was started: it would not
// show a body where a value may stand, or wait for people. That it shows more than
// the rules name does no harm.
//
// A body that it does not show to those who approve is no reason to refuse: they
// are told that nobody saw it.
func routed(cfg, started *config.Config) error {
	if inventory.LongestWait(cfg.Credentials) > inventory.LongestWait(started.Credentials) {
		return errors.New("a longer wait for an approval needs a restart: Envoy's timeout follows from it")
	}
	for _, u := range cfg.Envoy.Upstreams {
		if recordsRequests(cfg, u.Host) != recordsRequests(started, u.Host) {
			return fmt.Errorf("host %q: whether bodies of requests are recorded cannot change without a restart: Envoy's routes follow from it", u.Host)
		}
		was := inventory.BodyOperations(started.Credentials, u.Host)
		more := slices.ContainsFunc(inventory.BodyOperations(cfg.Credentials, u.Host), func(o inventory.Operation) bool { return !slices.Contains(was, o) })
		if more || inventory.HasMessages(cfg.Credentials, u.Host) && !inventory.HasMessages(started.Credentials, u.Host) {
			return fmt.Errorf("rules for host %q: new operations with a location in a body or message need a restart: Envoy's routes follow from them", u.Host)
		}
	}
	return nil
}

// replace puts r in force with the values of its sources. Nobody else may put
// rules and values in force meanwhile: a name may stand for another value now,
// which must never meet the old rules.
func (s *service) replace(r *rules, old *config.Config) error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	if err := s.vault.Update(r.config.Sources, r.config.Mask.Former); err != nil {
		return err
	}
	s.tellFailing()
	if err := s.putInForce(r); err != nil {
		return errors.Join(err, s.vault.Update(old.Sources, old.Mask.Former))
	}
	return nil
}
