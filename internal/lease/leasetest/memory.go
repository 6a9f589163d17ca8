package leasetest

import (
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

	mu     sync.Mutex
	rows   []stored // in the order of creation
	change int64
	mark   time.Time
}

type stored struct {
	lease.Row
	change int64
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
func (m *Memory) Insert(ctx context.Context, r lease.Row) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	end, err := m.begin()
	defer end()
	if err != nil {
		return err
	}
	for _, s := range m.rows {
		if s.Lease.ID == r.Lease.ID || r.Lease.Ticket != [32]byte{} && s.Lease.Ticket == r.Lease.Ticket {
			return lease.ErrExists
		}
	}
	m.change++
	m.rows = append(m.rows, stored{r, m.change})
	return nil
}

// Update implements lease.Store.
func (m *Memory) Update(_ context.Context, r lease.Row, from lease.State) error {
	end, err := m.begin()
	defer end()
	if err != nil {
		return err
	}
	for i, s := range m.rows {
		if s.Lease.ID != r.Lease.ID {
			continue
		}
		if s.Lease.State != from {
			return lease.ErrConflict
		}
		m.change++
		m.rows[i] = stored{r, m.change}
		return nil
	}
	return lease.ErrUnknown
}

func (m *Memory) one(match func(lease.Lease) bool) (lease.Row, error) {
	rows, _, err := m.all(func(s stored) bool { return match(s.Lease) })
	if err != nil {
		return lease.Row{}, err
	}
	if len(rows) == 0 {
		return lease.Row{}, lease.ErrUnknown
	}
	return rows[0], nil
}

func (m *Memory) all(match func(stored) bool) ([]lease.Row, int64, error) {
	end, err := m.begin()
	defer end()
	if err != nil {
		return nil, 0, err
	}
	var rows []lease.Row
	for _, s := range m.rows {
		if match(s) {
			rows = append(rows, s.Row)
		}
	}
	return rows, m.change, nil
}

// ByID implements lease.Store.
func (m *Memory) ByID(_ context.Context, id string) (lease.Row, error) {
	return m.one(func(l lease.Lease) bool { return l.ID == id })
}

// ByTicket implements lease.Store.
func (m *Memory) ByTicket(_ context.Context, ticket [32]byte) (lease.Row, error) {
	return m.one(func(l lease.Lease) bool { return l.Ticket == ticket && ticket != [32]byte{} })
}

// Unended implements lease.Store.
func (m *Memory) Unended(context.Context) ([]lease.Row, int64, error) {
	return m.all(func(s stored) bool { return s.Lease.State != lease.Ended })
}

// Changes implements lease.Store.
func (m *Memory) Changes(_ context.Context, after int64) ([]lease.Row, int64, error) {
	return m.all(func(s stored) bool { return s.change > after })
}

// List implements lease.Store.
func (m *Memory) List(_ context.Context, f lease.Filter) ([]lease.Row, error) {
	rows, _, err := m.all(func(s stored) bool {
		return (f.Principal == "" || f.Principal == s.Lease.Principal) &&
			(f.Credential == "" || f.Credential == s.Lease.Credential) &&
			(f.State == 0 || f.State == s.Lease.State)
	})
	slices.Reverse(rows)
	slices.SortStableFunc(rows, func(a, b lease.Row) int { return b.Lease.Created.Compare(a.Lease.Created) })
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	return rows[:min(limit, len(rows))], err
}

// Forget implements lease.Store.
func (m *Memory) Forget(_ context.Context, t time.Time) error {
	end, err := m.begin()
	defer end()
	if err == nil {
		m.rows = slices.DeleteFunc(m.rows, func(s stored) bool {
			return s.Lease.State == lease.Ended && s.Lease.Ended.Before(t)
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

// Tamper changes rows behind everyone's back, as a hand in the database would.
func (m *Memory) Tamper(change func(*lease.Row)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.rows {
		change(&m.rows[i].Row)
	}
}
