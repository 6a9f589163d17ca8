package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/checkpoint"
	"cloakroom/internal/record"
)

// Logs is what the logs of an instance are verified with. What may be nil says
// so; all else is required.
type Logs struct {
	Dirs []string        // of the logs: one of each replica
	Keys []note.Verifier // of their checkpoints: any of them
	Now  time.Time

	Archives []checkpoint.Archive // nil: what witnesses kept is not read
	Signers  []*checkpoint.URL    // witnesses that sign, which are asked; nil: none is known
	Index    record.Snapshot      // taken before; nil: none is compared
	Heads    checkpoint.Heads     // the store's heads of logs; nil: none are compared
	State    *State               // the store's leases and bars; nil: none are compared
	Store    string               // its name, for people
	Parts    map[string]Parts     // what is recorded, by the log's folder; none: it is not looked at
}

// Parts looks at what is recorded beside a log. *recording.Packs is one.
type Parts interface {
	// Check compares a part with what the log says of it: recording.ErrGone,
	// recording.ErrErased, recording.ErrBroken.
	Check(ctx context.Context, p record.Part) error
	// CheckPack compares all of a pack with what the log told of it when it was closed,
	// and when parts of exchanges in it were erased.
	CheckPack(ctx context.Context, id string, told []string, erased func(exchange string) bool) error
}

// LogReport is what a verification of logs found, and what it rests on.
type LogReport struct {
	Logs      []LogSum  `json:"logs"`
	Witnessed int       `json:"witnessed"` // checkpoints of witnesses that were compared
	Rows      int       `json:"rows"`      // of the store's index that were compared
	Parts     int       `json:"parts"`     // of recordings that were compared
	Deleted   int       `json:"deleted"`   // parts whose time is over, and which are gone
	Erased    int       `json:"erased"`    // parts that were erased, and an act says so
	Found     int       `json:"found"`     // findings
	Findings  []Finding `json:"findings"`  // at most 1000 of them
	Notes     []string  `json:"notes"`     // what could not be looked at
}

// LogSum sums one log up.
type LogSum struct {
	Log     string `json:"log"` // its id
	Dir     string `json:"dir"`
	Entries int64  `json:"entries"`
	Bytes   int64  `json:"bytes"`
	Signed  int64  `json:"signed"` // entries that its checkpoint covers
	Root    string `json:"root"`   // of all its entries, base64
}

// Finding is one thing that is wrong, and where.
type Finding struct {
	Log   string `json:"log,omitempty"`   // the log's id
	Entry uint64 `json:"entry,omitempty"` // 0: none by itself
	File  string `json:"file,omitempty"`
	Byte  int64  `json:"byte,omitempty"` // in the file; 0 also for its beginning
	What  string `json:"what"`
}

// String is the finding on one line.
func (f Finding) String() string {
	where := ""
	if f.File != "" {
		where = fmt.Sprintf("%s:%d: ", f.File, f.Byte)
	}
	if f.Log != "" {
		where += "log " + f.Log + ": "
	}
	if f.Entry > 0 {
		where += fmt.Sprintf("entry %d: ", f.Entry)
	}
	return where + f.What
}

// logAudit is one run of Logs.Verify.
type logAudit struct {
	Logs
	report       LogReport
	read         map[string]*logRead // by the log's id
	applied      map[string]record.Position
	leases, bars map[string]latest    // by id
	pruned       map[string]time.Time // packs that an act says are gone: when the last one did
	erased       map[string]erasure   // by exchange whose recording an act says is erased: the first
	packs        map[string]*toldPack // by id
	acts         map[string]Finding   // where those stand that commands left, by id
}

// Verify recomputes the chain and the tree of every log from its lines, and
// compares them with what was signed, with what witnesses kept, with what the
// logs say of each other, with the store's index and with the recordings. What
// is wrong is a finding, not an error. It takes about 150 bytes of memory
// for each entry.
func (v Logs) Verify(ctx context.Context) (LogReport, error) {
	if len(v.Dirs) == 0 || len(v.Keys) == 0 || v.Now.IsZero() {
		return LogReport{}, errors.New("verifying logs: logs, their key and a time are required")
	}
	a := &logAudit{Logs: v, read: map[string]*logRead{}, pruned: map[string]time.Time{}, erased: map[string]erasure{}, packs: map[string]*toldPack{},
		acts: map[string]Finding{}, leases: map[string]latest{}, bars: map[string]latest{}}
	a.report.Findings, a.report.Notes = []Finding{}, []string{}
	if v.Index != nil {
		var err error
		if a.applied, err = v.Index.Applied(ctx); err != nil {
			return LogReport{}, err
		}
	}
	for _, dir := range v.Dirs {
		if err := a.log(ctx, dir); err != nil {
			return LogReport{}, err
		}
	}
	for _, stage := range []func(context.Context) error{a.witnesses, a.signers, a.heads, a.index, a.state, a.wholePacks, a.absent, a.erasures} {
		if err := stage(ctx); err != nil {
			return LogReport{}, err
		}
	}
	for _, id := range a.ids() {
		a.read[id].end()
		a.report.Logs = append(a.report.Logs, a.read[id].sum())
	}
	return a.report, nil
}

func (a *logAudit) found(f Finding) {
	if a.report.Found++; a.report.Found <= findingsMax {
		a.report.Findings = append(a.report.Findings, f)
	}
}

func (a *logAudit) note(format string, args ...any) {
	a.report.Notes = append(a.report.Notes, fmt.Sprintf(format, args...))
}

// log reads one log and compares it with what is signed of it beside it.
func (a *logAudit) log(ctx context.Context, dir string) error {
	id, err := record.ID(dir)
	if err != nil {
		a.found(Finding{File: dir, What: err.Error()})
		return nil
	}
	if twin := a.read[id]; twin != nil {
		a.found(Finding{Log: id, File: dir, What: fmt.Sprintf("the same log as in %q: one of them was copied, and the log may have been continued twice", twin.dir)})
		return nil
	}
	r := &logRead{audit: a, log: id, dir: dir, indexed: a.position(id, dir), took: map[string]checkpoint.Checkpoint{}}
	a.read[id] = r
	// In this order: each has all that the one before can speak of.
	r.receipts()
	r.signed = r.latest()
	r.begin()
	if err := r.lines(ctx); err != nil {
		return err
	}
	if r.unsigned {
		r.neverSigned()
	}
	r.compare(ctx, r.signed.Checkpoint, checkpoint.LatestPath(dir), 0)
	r.compareReceipts(ctx)
	return nil
}

// position is how far the index says that a log is applied. The index of one
// process is of the log that is named first.
func (a *logAudit) position(log, dir string) record.Position {
	if p, one := a.applied[""]; one && dir == a.Dirs[0] {
		return p
	}
	return a.applied[log]
}

// open opens a note with any of the keys.
func (a *logAudit) open(msg []byte, more ...note.Verifier) (s checkpoint.Signed, err error) {
	for _, key := range a.Keys {
		if s, err = checkpoint.Open(msg, append(more, key)...); err == nil {
			return s, nil
		}
	}
	return s, err
}

// ids are the logs that were read, in order.
func (a *logAudit) ids() []string { return slices.Sorted(maps.Keys(a.read)) }
