package leasetest

import (
	"context"
	"errors"
	"maps"
	"time"

	"cloakroom/internal/lease"
)

// shaky is the store as one replica meets it.
type shaky struct{ r *replica }

var errShaky = errors.New("the store is gone")

// through lets a call about a lease through to the store, or has it meet trouble.
// follow tells that the replica may follow the store meanwhile.
func through[T any](r *replica, name, id string, follow bool, call func() (T, error)) (out T, err error) {
	what := r.next()
	switch what {
	case failsBefore, crashesBefore:
		r.troubled, r.crashed = true, r.crashed || what == crashesBefore
		r.w.note("%d: %s fails before", r.n, name)
		return out, errShaky
	case othersBefore:
		r.w.note("%d: before %s", r.n, name)
		r.w.between(r, id, follow)
	}
	out, err = call()
	switch what {
	case failsAfter, crashesAfter:
		r.troubled, r.crashed = true, r.crashed || what == crashesAfter
		r.w.note("%d: %s fails after", r.n, name)
		return *new(T), errShaky
	case othersAfter:
		r.w.note("%d: after %s", r.n, name)
		r.w.between(r, id, follow)
	}
	return out, err
}

// latest is the lease that was inserted last.
func (s shaky) latest() string {
	if len(s.r.w.ids) == 0 {
		return ""
	}
	return s.r.w.ids[len(s.r.w.ids)-1]
}

// of is the lease that a ticket belongs to.
func (s shaky) of(ticket lease.Digest) string {
	for id, f := range s.r.w.facts {
		if f.lease.Ticket == ticket {
			return id
		}
	}
	return ""
}

func (s shaky) Insert(ctx context.Context, row lease.Row, atOnce int) (int64, error) {
	return through(s.r, "Insert", row.ID, true, func() (int64, error) {
		n, err := s.r.w.store.Insert(ctx, row, atOnce)
		if err == nil {
			s.r.w.inserted(row, n)
		}
		return n, err
	})
}

func (s shaky) Update(ctx context.Context, row lease.Row) (int64, error) {
	return through(s.r, "Update", row.ID, true, func() (int64, error) {
		n, err := s.r.w.store.Update(ctx, row)
		if err == nil {
			s.r.w.updated(row, n)
		}
		return n, err
	})
}

func (s shaky) ByID(ctx context.Context, id string) (lease.Row, error) {
	return through(s.r, "ByID", id, true, func() (lease.Row, error) { return s.r.w.store.ByID(ctx, id) })
}

func (s shaky) ByTicket(ctx context.Context, ticket lease.Digest) (lease.Row, error) {
	return through(s.r, "ByTicket", s.of(ticket), true, func() (lease.Row, error) { return s.r.w.store.ByTicket(ctx, ticket) })
}

func (s shaky) ByQuestion(ctx context.Context, question lease.Digest) (lease.Row, error) {
	return through(s.r, "ByQuestion", s.latest(), true, func() (lease.Row, error) { return s.r.w.store.ByQuestion(ctx, question) })
}

func (s shaky) List(ctx context.Context, f lease.Filter) ([]lease.Row, error) {
	return through(s.r, "List", s.latest(), true, func() ([]lease.Row, error) { return s.r.w.store.List(ctx, f) })
}

func (s shaky) Unended(ctx context.Context) ([]lease.Row, int64, error) {
	return s.r.w.store.Unended(ctx)
}

func (s shaky) Changes(ctx context.Context, after int64, most int) (rows []lease.Row, last int64, err error) {
	at := s.r.reading()
	last, err = through(s.r, "Changes", "", false, func() (int64, error) {
		rows, last, err = s.r.w.store.Changes(ctx, after, most)
		return last, err
	})
	if err == nil {
		s.r.seen, s.r.contact = last, at
	}
	return rows, last, err
}

func (s shaky) PutBar(ctx context.Context, b lease.BarRow) error {
	bar, _ := lease.UnsealBar(key, b)
	_, err := through(s.r, "PutBar", "", false, func() (string, error) {
		err := s.r.w.store.PutBar(ctx, b)
		if err == nil {
			s.r.w.bars[b.ID] = bar
		}
		return b.ID, err
	})
	if err == nil {
		s.r.bars = maps.Clone(s.r.bars)
		s.r.bars[b.ID] = bar
	}
	return err
}

func (s shaky) DropBar(ctx context.Context, id string) error {
	_, err := through(s.r, "DropBar", "", true, func() (string, error) {
		err := s.r.w.store.DropBar(ctx, id)
		if err == nil {
			delete(s.r.w.bars, id)
		}
		return id, err
	})
	return err
}

func (s shaky) Bars(ctx context.Context) ([]lease.BarRow, error) {
	var now map[string]lease.Bar
	rows, err := through(s.r, "Bars", "", false, func() ([]lease.BarRow, error) {
		now = maps.Clone(s.r.w.bars)
		return s.r.w.store.Bars(ctx)
	})
	if err == nil {
		s.r.bars = now
		s.r.strike()
	}
	return rows, err
}

func (s shaky) Tally(ctx context.Context, id string, minute int64) (int, error) {
	return s.r.w.store.Tally(ctx, id, minute)
}

func (s shaky) Forget(ctx context.Context, t time.Time) error { return s.r.w.store.Forget(ctx, t) }

func (s shaky) Mark(ctx context.Context, t time.Time) error {
	_, err := through(s.r, "Mark", "", true, func() (time.Time, error) {
		err := s.r.w.store.Mark(ctx, t)
		if us := t.Truncate(time.Microsecond); err == nil && us.After(s.r.w.marked) {
			s.r.w.marked = us
		}
		return t, err
	})
	return err
}

func (s shaky) Marked(ctx context.Context) (time.Time, error) { return s.r.w.store.Marked(ctx) }

func (s shaky) Watch(ctx context.Context, _ func()) { <-ctx.Done() }
