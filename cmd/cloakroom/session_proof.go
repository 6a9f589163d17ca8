package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"cloakroom/internal/bucket"
	"cloakroom/internal/config"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/search"
	"cloakroom/internal/secret"
	"cloakroom/internal/transcript"
	"cloakroom/internal/verify"
)

// proof is what sessions are verified with.
type proof struct {
	reading
	root   secret.Root
	logs   logSources
	found  verify.Sessions
	values int      // that are searched for
	unread []string // credentials whose value cannot be read here
}

// withProof opens the logs of this machine and those in more folders, what is
// recorded beside them, and the fingerprints of all values.
func withProof(ctx context.Context, r reading, more []string, do func(*proof) error) error {
	p := &proof{reading: r}
	defer p.logs.close()
	var err error
	if p.root, err = existingRoot(r.config); err != nil {
		return err
	}
	if err := p.logs.open(ctx, r.config, verifyFlags{logs: more}); err != nil {
		return err
	}
	key, err := fingerprintKey(p.root)
	if err != nil {
		return err
	}
	prints, err := p.present(key)
	if err != nil {
		return err
	}
	for _, dir := range p.logs.Dirs {
		r := verify.Replica{Dir: dir, Packs: p.logs.packs[dir]}
		past, heads, err := search.ReadBook(bookPath(dir), key)
		switch r.Book = heads; {
		case errors.Is(err, search.ErrChanged):
			r.Torn = err
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		}
		for _, k := range past {
			prints = append(prints, k.Fingerprint)
		}
		p.found.Replicas = append(p.found.Replicas, r)
	}
	if p.found.Search, err = key.Compile(prints); err != nil {
		return err
	}
	p.values = different(prints)
	return do(p)
}

// present makes the fingerprints of the values that are declared now. A source that
// cannot be read here, as an environment variable of the service's, has its last value
// among those of the past, if it was in force.
func (p *proof) present(key search.Key) (prints []search.Fingerprint, err error) {
	marks, err := recordingKeys(p.config, p.root)
	if err != nil {
		return nil, err
	}
	for name, source := range p.config.Sources {
		v, err := source.Read()
		if err != nil {
			p.unread = append(p.unread, name)
			continue
		}
		for _, one := range searched(marks, name, v) {
			prints = append(prints, key.Fingerprint(one.Credential, one.Bytes))
		}
	}
	return prints, nil
}

// searched is what is searched for of a value: itself, and what stands in a recording
// for a token that it holds, under any recording key.
func searched(keys [][32]byte, name string, v secret.Value) []search.Value {
	all := []search.Value{{Credential: name, Bytes: v.Reveal()}}
	for _, s := range record.Strays(string(v.Reveal()), func(string) bool { return true }) {
		if !s.Token {
			continue
		}
		for _, key := range keys {
			all = append(all, search.Value{Credential: name, Bytes: []byte(recording.TokenMark(key, s.Text))})
		}
	}
	return all
}

func different(prints []search.Fingerprint) int {
	known := map[search.MAC]bool{}
	for _, f := range prints {
		known[f.ID] = true
	}
	return len(known)
}

// verify verifies the logs and the sessions that are wanted. What is wrong with the
// logs is among the report's findings.
func (p *proof) verify(ctx context.Context, v *verifying, e *verify.Evidence) (verify.SessionReport, verify.LogReport, error) {
	s := p.found
	s.Now, s.Keys = time.Now(), p.logs.Keys
	if v.name != "" || v.principal != "" || !v.since.IsZero() {
		s.Want = v.wants
	}
	if v.evidence != "" {
		s.Line, s.Rules = e.Take, e.TakeRules
	}
	report, err := s.Verify(ctx)
	if err != nil {
		return report, verify.LogReport{}, err
	}
	logs, err := p.logs.Verify(ctx)
	if err != nil {
		return report, logs, err
	}
	for _, name := range slices.Sorted(slices.Values(p.unread)) {
		logs.Notes = append(logs.Notes, fmt.Sprintf("the value of credential %q cannot be read here: only values of it that were in force are searched for", name))
	}
	report.Values = p.values
	report.Add(logs)
	e.Report = report
	return report, logs, nil
}

// write writes the evidence.
func (p *proof) write(ctx context.Context, v *verifying, e verify.Evidence) error {
	key, err := logKey(p.root)
	if err != nil {
		return err
	}
	e.Key, e.Dirs, e.Witnesses = key, p.logs.Dirs, witnessNames(p.config)
	if v.contents {
		e.Contents, e.Recorded = p.text, p.recorded
	}
	f, err := os.OpenFile(v.evidence, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return errTaken(v.evidence)
	}
	if err != nil {
		return fmt.Errorf("writing evidence: %w", err)
	}
	err = errors.Join(e.Write(ctx, f), f.Sync(), f.Close())
	if err != nil {
		os.Remove(v.evidence)
	}
	if errors.Is(err, record.ErrBroken) {
		return hinted{err, "of a log that does not hold nothing can be proved: keep a copy of its folder, and what --json prints"}
	}
	return err
}

// text is what is recorded of an exchange, as `session show --full` prints it.
func (p *proof) text(ctx context.Context, dir string, end *record.End) ([]byte, error) {
	x, err := p.db.Exchange(ctx, end.Exchange)
	if errors.Is(err, record.ErrUnknown) {
		return []byte("not in the store's index\n"), nil
	}
	if err != nil {
		return nil, err
	}
	r := p.reading
	r.packs = p.logs.packs[dir]
	t, err := r.read(ctx, x)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = transcript.Write(&b, &t, 0)
	return b.Bytes(), err
}

// recorded is what is recorded of an exchange, unsealed; none if it is not there.
func (p *proof) recorded(ctx context.Context, dir string, end *record.End) ([][]byte, error) {
	parts, err := p.logs.packs[dir].Plain(ctx, end.Exchange, end.Recording)
	for _, known := range []error{recording.ErrGone, recording.ErrErased, recording.ErrNotRecorded, recording.ErrBroken, recording.ErrKey} {
		if errors.Is(err, known) {
			return nil, nil // the report says so
		}
	}
	return parts, err
}

func witnessNames(cfg *config.Config) (names []string) {
	for _, w := range cfg.Record.Checkpoint.Witnesses {
		switch {
		case w.Dir != "":
			names = append(names, w.Dir)
		case w.URL != "":
			names = append(names, strings.TrimSuffix(w.URL, "/"))
		default:
			names = append(names, bucket.Name(w.Bucket))
		}
	}
	return names
}
