package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cloakroom/internal/config"
	"cloakroom/internal/record"
	"cloakroom/internal/search"
	"cloakroom/internal/secret"
)

// openLog opens the log, and beside it the book of fingerprints. Until something
// is in force nothing may be written to the log: nothing would mask it.
func (s *service) openLog(cfg *config.Config) error {
	if err := os.MkdirAll(filepath.Dir(cfg.Record.Dir), 0o700); err != nil {
		return fmt.Errorf("making the log's folder: %w", err)
	}
	var err error
	if s.log, err = record.Open(cfg.Record.Dir, masker{s}, record.Options{SegmentBytes: cfg.Record.SegmentBytes, Logger: s.logger}); err != nil {
		return err
	}
	key, err := fingerprintKey(s.root)
	if err != nil {
		return err
	}
	if s.marks, err = recordingKeys(cfg, s.root); err != nil {
		return err
	}
	s.book, err = search.OpenBook(bookPath(cfg.Record.Dir), key)
	return err
}

// bookPath is the file of fingerprints beside the log in dir.
func bookPath(dir string) string { return filepath.Join(dir, "fingerprints") }

func fingerprintKey(root secret.Root) (search.Key, error) {
	key, err := root.Derive("fingerprint")
	if err != nil {
		return search.Key{}, err
	}
	return search.NewKey(key), nil
}

// remember keeps the fingerprints of values before they are in force, so that they
// are searched for in what agents got even when they are in force no more.
func (s *service) remember(current map[string]secret.Value, former map[string][]secret.Value) error {
	var all []search.Value
	for name, v := range current {
		all = append(all, searched(s.marks, name, v)...)
	}
	for name, vs := range former {
		for _, v := range vs {
			all = append(all, searched(s.marks, name, v)...)
		}
	}
	return s.book.Add(time.Now(), all)
}
