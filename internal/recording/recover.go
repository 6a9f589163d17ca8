package recording

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cloakroom/internal/record"
)

// Unended is what the log says, as its error, of an exchange that an earlier process
// left: what was put in there is not known.
const Unended = "the service ended before the exchange did"

// recovery ends what an earlier process did not.
type recovery struct {
	r     *Recorder
	from  record.Position      // where the ends can first stand
	some  bool                 // from is set
	packs map[string]*leftover // open packs by path
	parts map[string][]numbered
	order []string // the exchanges in parts
	ended map[string]bool
}

// recoverAlone recovers while nobody erases.
func (r *Recorder) recoverAlone(ctx context.Context) error {
	wait, stop := context.WithTimeout(ctx, appendWait)
	defer stop()
	packs, err := lock(wait, r.dir)
	if err != nil {
		return err
	}
	defer packs.Close()
	return r.recover(ctx)
}

// recover closes the packs that an earlier process left open, and ends the
// exchanges of which it had parts and that the log knows no end of.
func (r *Recorder) recover(ctx context.Context) error {
	v := &recovery{r: r, packs: map[string]*leftover{}, parts: map[string][]numbered{}, ended: map[string]bool{}}
	if err := v.carried(); err != nil {
		return err
	}
	paths, err := listed(r.dir, openExt)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := v.pack(path); err != nil {
			return err
		}
	}
	if !v.some {
		return nil
	}
	if err := v.readLog(); err != nil {
		return err
	}
	for path, o := range v.packs {
		if err := v.settle(path, o); err != nil {
			return fmt.Errorf("cutting pack %q: %w", path, err)
		}
	}
	for _, exchange := range v.order {
		if !v.ended[exchange] {
			v.end(ctx, exchange)
		}
	}
	for path, o := range v.packs {
		if err := v.close(path, o); err != nil {
			return fmt.Errorf("closing pack %q: %w", path, err)
		}
	}
	return v.forget()
}

// begin lets the log be read from there, or from where it is read already.
func (v *recovery) begin(at record.Position) {
	if !v.some || at.Seq < v.from.Seq {
		v.from, v.some = at, true
	}
}

// add adds a part, unless it is there.
func (v *recovery) add(exchange string, part numbered) {
	if slices.Contains(v.parts[exchange], part) {
		return
	}
	if v.parts[exchange] == nil {
		v.order = append(v.order, exchange)
	}
	v.parts[exchange] = append(v.parts[exchange], part)
}

// carried reads the list of exchanges that went on when a pack was closed.
func (v *recovery) carried() error {
	b, err := os.ReadFile(filepath.Join(v.r.dir, carriedFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	lines := json.NewDecoder(bytes.NewReader(b))
	var at carriedAt
	if err := lines.Decode(&at); err != nil {
		return fmt.Errorf("reading the exchanges that went on: %w", err)
	}
	v.begin(record.Position(at))
	for {
		var c carried
		err := lines.Decode(&c)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the exchanges that went on: %w", err)
		}
		for _, p := range c.Parts {
			v.add(c.Exchange, p)
		}
	}
}

// readLog finds the exchanges that the log ends, and what else it names.
func (v *recovery) readLog() error {
	lines, err := record.ReadAfter(v.r.o.Dir, v.from)
	if err != nil {
		return err
	}
	defer lines.Close()
	named := map[record.Part]bool{}
	for {
		line, err := lines.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		for _, o := range v.packs {
			o.hear(line.Raw)
		}
		if id, ok := endedBy(line.Raw); ok {
			if v.parts[id] != nil {
				v.ended[id] = true
			}
			continue
		}
		if !bytes.Contains(line.Raw, []byte(`,"reload":{`)) {
			continue
		}
		e, err := line.Entry()
		if err != nil {
			return err
		}
		if e.Reload != nil {
			for _, p := range e.Reload.Rules {
				named[p] = true
			}
		}
	}
	for exchange, parts := range v.parts {
		if named[parts[0].Part] {
			v.ended[exchange] = true
		}
	}
	return nil
}

// endedBy is the exchange whose end the line is. Lines of an hour are read, and to
// decode each would take minutes.
func endedBy(line []byte) (exchange string, ok bool) {
	_, rest, ok := bytes.Cut(line, []byte(`,"end":{"exchange":"`))
	if !ok || len(rest) < exchangeLen {
		return "", false
	}
	return string(rest[:exchangeLen]), true
}

// end notes the end of an exchange, or of what Keep kept and nothing names.
func (v *recovery) end(ctx context.Context, exchange string) {
	var parts []record.Part
	slices.SortFunc(v.parts[exchange], func(a, b numbered) int { return cmp.Compare(a.Number, b.Number) })
	for _, p := range v.parts[exchange] {
		parts = append(parts, p.Part)
	}
	e := &record.End{Exchange: exchange, Error: Unended, Recording: parts, Kept: string(Full)}
	if first, err := v.first(ctx, parts[0]); err == nil && first.Exchange != exchange {
		e.Error, e.Kept = Unwanted, ""
	} else if first.Bodies != "" {
		e.Kept = string(first.Bodies)
	}
	if paths, err := local(v.r.dir); err == nil {
		if n, ok := parseName(strings.TrimSuffix(filepath.Base(paths[parts[0].Pack]), openExt)); ok && n.keep > 0 {
			e.Until = n.created.Add(v.r.o.PackAge + n.keep)
		}
	}
	v.r.o.Log.Note(record.Entry{End: e})
}

// first is the first line of a tape's part; the zero one where that is no tape's. An
// error says that the part cannot be read.
func (v *recovery) first(ctx context.Context, p record.Part) (l wiredLine, err error) {
	_, plain, err := v.r.part(ctx, p)
	if err != nil {
		return l, err
	}
	raw, _, _ := bytes.Cut(plain, []byte("\n"))
	if json.Unmarshal(raw, &l) != nil {
		return wiredLine{}, nil
	}
	return l, nil
}

// forget removes the list of exchanges that went on: all of them have an end.
func (v *recovery) forget() error {
	err := v.r.o.disk.remove(filepath.Join(v.r.dir, carriedFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
