package leasetest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"cloakroom/internal/lease"
)

// Memory is a lease.Store in memory, for tests. Its zero value is empty and
// ready. Fail, if it is set, is asked before every call.
type Memory struct {
	Fail func() error

	mu      sync.Mutex
	rows    []lease.Row // in the order of creation
	bars    []lease.BarRow
	tallies map[string]tally
	change  int64
	mark    time.Time
}

type tally struct {
	minute int64
	n      int
}

func (m *Memory) begin() (end func(), err error) {
	m.mu.Lock()
	if m.Fail != nil {
		if err := m.Fail(); err != nil {
			m.mu.Unlock()
			return func() {}, err
		}
	}
	return m.mu.Unlock, nil
}

// Insert implements lease.Store.
func (m *Memory) Insert(ctx context.Context, r lease.Row, atOnce int) (int64, error) {
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	end, err := m.begin()
	defer end()
	if err != nil {
		return 0, err
	}
	open := 0
	for _, s := range m.rows {
		standing := s.Ends.After(r.Created)
		switch {
		case s.ID == r.ID, r.Ticket != lease.Digest{} && s.Ticket == r.Ticket,
			r.State == lease.Pending && s.State == lease.Pending && s.Question == r.Question && standing:
			return 0, lease.ErrExists
		case s.Open && s.Principal == r.Principal && s.Credential == r.Credential && standing:
			open++
		}
	}
	if atOnce > 0 && open >= atOnce {
		return 0, lease.ErrTooMany
	}
	m.change++
	r.Change = m.change
	m.rows = append(m.rows, r)
	return m.change, nil
}

// Update implements lease.Store.
func (m *Memory) Update(_ context.Context, r lease.Row) (int64, error) {
	end, err := m.begin()
	defer end()
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(m.rows, func(s lease.Row) bool { return s.ID == r.ID })
	switch {
	case i < 0:
		return 0, lease.ErrUnknown
	case m.rows[i].Change != r.Change:
		return 0, lease.ErrConflict
	}
	m.change++
	r.Change = m.change
	m.rows[i] = r
	return m.change, nil
}

func (m *Memory) one(match func(lease.Row) bool) (lease.Row, error) {
	rows, _, err := m.all(match)
	if err != nil {
		return lease.Row{}, err
	}
	if len(rows) == 0 {
		return lease.Row{}, lease.ErrUnknown
	}
	return rows[len(rows)-1], nil
}

func (m *Memory) all(match func(lease.Row) bool) ([]lease.Row, int64, error) {
	end, err := m.begin()
	defer end()
	if err != nil {
		return nil, 0, err
	}
	var rows []lease.Row
	for _, s := range m.rows {
		if match(s) {
			rows = append(rows, s)
		}
	}
	return rows, m.change, nil
}

// ByID implements lease.Store.
func (m *Memory) ByID(_ context.Context, id string) (lease.Row, error) {
	return m.one(func(r lease.Row) bool { return r.ID == id })
}

// ByTicket implements lease.Store.
func (m *Memory) ByTicket(_ context.Context, ticket lease.Digest) (lease.Row, error) {
	return m.one(func(r lease.Row) bool { return r.Ticket == ticket && ticket != lease.Digest{} })
}

// ByQuestion implements lease.Store.
func (m *Memory) ByQuestion(_ context.Context, question lease.Digest) (lease.Row, error) {
	return m.one(func(r lease.Row) bool { return r.State == lease.Pending && r.Question == question })
}

// Unended implements lease.Store.
func (m *Memory) Unended(context.Context) ([]lease.Row, int64, error) {
	return m.all(func(r lease.Row) bool { return r.State != lease.Ended })
}

// Changes implements lease.Store.
func (m *Memory) Changes(_ context.Context, after int64, most int) ([]lease.Row, int64, error) {
	rows, change, err := m.all(func(r lease.Row) bool { return r.Change > after })
	slices.SortFunc(rows, func(a, b lease.Row) int { return cmp.Compare(a.Change, b.Change) })
	if len(rows) > most {
		rows, change = rows[:most], rows[most-1].Change
	}
	return rows, change, err
}

// List implements lease.Store.
func (m *Memory) List(_ context.Context, f lease.Filter) ([]lease.Row, error) {
	rows, _, err := m.all(func(r lease.Row) bool {
		return (f.Principal == "" || f.Principal == r.Principal) &&
			(f.Credential == "" || f.Credential == r.Credential) &&
			(f.State == 0 || f.State == r.State) &&
			(f.Over.IsZero() || r.State != lease.Ended && !r.Ends.After(f.Over)) && (!f.Open || r.Open) &&
			(f.Question == lease.Digest{} || r.State == lease.Ended && r.Question == f.Question)
	})
	slices.Reverse(rows)
	slices.SortStableFunc(rows, func(a, b lease.Row) int { return b.Created.Compare(a.Created) })
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	return rows[:min(limit, len(rows))], err
}

// PutBar implements lease.Store.
func (m *Memory) PutBar(_ context.Context, b lease.BarRow) error {
	end, err := m.begin()
	defer end()
	if err == nil {
		m.change++
		m.bars = append(m.bars, b)
	}
	return err
}

// DropBar implements lease.Store.
func (m *Memory) DropBar(_ context.Context, id string) error {
	end, err := m.begin()
	defer end()
	if err != nil {
		return err
	}
	was := len(m.bars)
	m.bars = slices.DeleteFunc(m.bars, func(b lease.BarRow) bool { return b.ID == id })
	if len(m.bars) == was {
		return lease.ErrUnknown
	}
	m.change++
	return nil
}

// Bars implements lease.Store.
func (m *Memory) Bars(context.Context) ([]lease.BarRow, error) {
	end, err := m.begin()
	defer end()
	return slices.Clone(m.bars), err
}

// Tally implements lease.Store.
func (m *Memory) Tally(_ context.Context, id string, minute int64) (int, error) {
	end, err := m.begin()
	defer end()
	if err != nil {
		return 0, err
	}
	t := m.tallies[id]
	if t.minute != minute {
		t = tally{minute: minute}
	}
	t.n++
	if m.tallies == nil {
		m.tallies = make(map[string]tally)
	}
	m.tallies[id] = t
	return t.n, nil
}

// Forget implements lease.Store.
func (m *Memory) Forget(_ context.Context, t time.Time) error {
	end, err := m.begin()
	defer end()
	if err == nil {
		m.rows = slices.DeleteFunc(m.rows, func(r lease.Row) bool {
			return r.State == lease.Ended && r.Ended.Before(t)
		})
	}
	return err
}

// Mark implements lease.Store.
func (m *Memory) Mark(_ context.Context, t time.Time) error {
	end, err := m.begin()
	defer end()
	if err == nil && t.After(m.mark) {
		m.mark = t.UTC().Truncate(time.Microsecond)
	}
	return err
}

// Marked implements lease.Store.
func (m *Memory) Marked(context.Context) (time.Time, error) {
	end, err := m.begin()
	defer end()
	return m.mark, err
}

// Watch implements lease.Store.
func (m *Memory) Watch(ctx context.Context, _ func()) { <-ctx.Done() }

// Tamper changes rows behind everyone's back, as a hand in the database would.
func (m *Memory) Tamper(change func(*lease.Row)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.rows {
		change(&m.rows[i])
	}
}
