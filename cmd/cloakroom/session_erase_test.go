package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
	"cloakroom/internal/recording"
)

// happened are exchanges of session "s1", decided an hour apart and indexed.
func happened(t *testing.T, l ledger, began time.Time, subjects ...string) (ids []string) {
	t.Helper()
	log, err := record.Open(l.config.Record.Dir, recordtest.Masker(t), record.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for i, subject := range subjects {
		at := began.Add(time.Duration(i) * time.Hour)
		id := record.NewID(at)
		ids = append(ids, id)
		decision := record.Entry{Time: at, Decision: &record.Decision{Exchange: id, Issuer: "https://idp.example", Subject: subject, Session: "s1", Outcome: access.Allow}}
		if err := log.Append(t.Context(), decision); err != nil {
			t.Fatal(err)
		}
		end := record.Entry{Time: at, End: &record.End{Exchange: id, Kept: "full", Until: at.Add(24 * time.Hour),
			Recording: []record.Part{{Pack: strings.Repeat("p", 26), At: 1, Size: 100}}}}
		if i == len(subjects)-1 {
			break // it goes on
		}
		if err := log.Append(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(log.Close(), record.CatchUp(t.Context(), l.config.Record.Dir, l.db)); err != nil {
		t.Fatal(err)
	}
	return ids
}

// What is erased are the exchanges that were asked for, and never those of another
// principal who gave a session the same name.
func TestEraseFinds(t *testing.T) {
	l, began := newLedger(t), time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
	ids := happened(t, l, began, "ann", "ann", "bob")
	ann := "https://idp.example#ann"
	for _, c := range []struct {
		name string
		e    erasing
		want []string // exchanges; nil: an error that says
		says string
	}{
		{"an exchange", erasing{selector: selector{name: ids[1]}}, ids[1:2], ""},
		{"of two principals", erasing{selector: selector{name: "s1"}}, nil, "several principals"},
		{"of one", erasing{selector: selector{name: "s1", principal: ann}}, ids[:2], ""},
		{"since", erasing{selector: selector{name: "s1", principal: ann}, since: began.Add(time.Minute)}, ids[1:2], ""},
		{"until", erasing{selector: selector{name: "s1", principal: ann}, until: began.Add(time.Minute)}, ids[:1], ""},
		{"of no time", erasing{selector: selector{name: "s1", principal: ann}, until: began.Add(-time.Minute)}, nil, "of that time"},
		{"nothing", erasing{selector: selector{name: "s2"}}, nil, "no session"},
	} {
		xs, err := c.e.find(t.Context(), l.db)
		var got []string
		for _, x := range xs {
			got = append(got, x.Decision.Decision.Exchange)
		}
		if strings.Join(got, " ") != strings.Join(c.want, " ") || (err == nil) != (c.want != nil) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.want)
		}
	}
}

// packsOf are recordings of which some cannot be erased.
type packsOf struct {
	recordings
	fails error            // of Erase
	left  map[string]error // what Check says of exchanges, once Erase was called
	l     ledger
	t     *testing.T
}

func (p *packsOf) Erase(_ context.Context, what []recording.Erasure, tell func(record.Act) error) (map[string]bool, error) {
	got := slices.DeleteFunc(acts(p.t, p.l), func(a record.Act) bool { return a.Name == "" })
	if len(got) != len(what) || got[0].Name != "erase" || got[0].Exchange != what[0].Exchange || got[0].N != 1 || got[0].Detail != "why" {
		p.t.Errorf("before anything is erased the log tells of %+v", got)
	}
	left := map[string]bool{}
	for _, e := range what {
		left[e.Exchange] = p.fails != nil
	}
	return left, errors.Join(p.fails, tell(record.Act{Name: "erase", Target: "pack"}))
}

func (p *packsOf) Check(context.Context, record.Part) error { return p.left["all"] }

// What was not erased is said, and is an error.
func TestEraseSaysWhatIsLeft(t *testing.T) {
	began := time.Now().Add(-2 * time.Hour)
	locked := errors.New("the object is locked")
	for _, c := range []struct {
		name     string
		from     time.Time
		erase    error
		check    error
		subjects []string
		says     string // of what is printed
		fails    string // of the error; empty: there is none
	}{
		{"all", began, nil, recording.ErrErased, []string{"ann", "ann", "bob"}, `"erased": 2`, ""},
		{"expired", began.Add(-100 * time.Hour), nil, recording.ErrGone, []string{"ann", "ann", "bob"}, `"expired": 2`, ""},
		{"elsewhere", began, nil, recording.ErrGone, []string{"ann", "ann", "bob"}, `"erased": 0`, "something may still be there"},
		{"locked", began, locked, recording.ErrErased, []string{"ann", "ann", "bob"}, `"erased": 0`, "the object is locked"},
		{"one goes on", began, nil, recording.ErrErased, []string{"ann", "ann"}, `"going_on": 1`, "still going on"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLedger(t)
			ids := happened(t, l, c.from, c.subjects...)
			var out bytes.Buffer
			cmd := newSessionErase(&options{})
			cmd.SetOut(&out)
			cmd.SetContext(t.Context())
			e := erasing{selector: selector{name: "s1", principal: "https://idp.example#ann"}, reason: "why", sure: true, asJSON: true}
			err := e.run(t.Context(), cmd, reading{ledger: l, packs: &packsOf{fails: c.erase, left: map[string]error{"all": c.check}, l: l, t: t}})
			if !strings.Contains(out.String(), c.says) || (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("printed %s, %v", &out, err)
			}
			if strings.Contains(out.String(), ids[0]) != (c.fails != "" && c.fails != "still going on") {
				t.Errorf("of exchange %s it says %s", ids[0], &out)
			}
		})
	}
}

// changedStore is one whose index somebody has changed.
type changedStore struct {
	store
	lines func(decision, end []byte) (d, e []byte)
}

func (s changedStore) Exchange(ctx context.Context, id string) (record.Exchange, error) {
	x, err := s.store.Exchange(ctx, id)
	if err != nil {
		return x, err
	}
	return record.ReadExchange(s.lines(x.DecisionLine, x.EndLine))
}

func (s changedStore) Exchanges(ctx context.Context, principal, session string, limit int) (xs []record.Exchange, err error) {
	all, err := s.store.Exchanges(ctx, principal, session, limit)
	for _, x := range all {
		changed, failed := record.ReadExchange(s.lines(x.DecisionLine, x.EndLine))
		xs, err = append(xs, changed), errors.Join(err, failed)
	}
	return xs, err
}

// Who can write the store cannot have more erased than was asked for: what the index says
// of an exchange must be what the log says.
func TestEraseBelievesTheLog(t *testing.T) {
	began := time.Now().Add(-4 * time.Hour)
	for _, c := range []struct {
		name, from, to string
	}{
		{"another's session", `"session":"s1"`, `"session":"s2"`},
		{"another principal", `"subject":"ann"`, `"subject":"bob"`},
		{"another time", `,"time":"20`, `,"time":"19`},
		{"other parts", `"at":1,`, `"at":2,`},
		{"what is the log's, under another name", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLedger(t)
			ids := happened(t, l, began, "ann", "ann", "bob")
			whole := l.db
			other, err := whole.Exchange(t.Context(), ids[1])
			if err != nil {
				t.Fatal(err)
			}
			l.db = changedStore{whole, func(decision, end []byte) (d, e []byte) {
				if c.from == "" {
					return other.DecisionLine, other.EndLine
				}
				d, e = bytes.ReplaceAll(decision, []byte(c.from), []byte(c.to)), bytes.ReplaceAll(end, []byte(c.from), []byte(c.to))
				if bytes.Equal(d, decision) && bytes.Equal(e, end) {
					t.Errorf("nothing was changed in %s", d)
				}
				return d, e
			}}
			e := erasing{selector: selector{name: ids[0]}, sure: true}
			cmd := newSessionErase(&options{})
			cmd.SetOut(io.Discard)
			err = e.run(t.Context(), cmd, reading{ledger: l, packs: &packsOf{}})
			if err == nil || !strings.Contains(err.Error(), "not what the log says") {
				t.Errorf("got %v", err)
			}
		})
	}
}
