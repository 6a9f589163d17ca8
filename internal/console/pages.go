package console

import (
	"context"
	"net/http"
	"slices"
	"time"

	"cloakroom/internal/approval"
	"cloakroom/internal/lease"
)

// shownLeases bounds how many leases a page lists.
const shownLeases = 200

// inbox lists the questions that wait.
func (c *Console) inbox(w http.ResponseWriter, r *http.Request, v visit) error {
	qs, err := c.Desk.Questions(r.Context(), v.Who)
	if err != nil {
		return err
	}
	slices.SortFunc(qs, func(a, b approval.Question) int { return a.Expires.Compare(b.Expires) })
	p := page{Name: "inbox", Title: "Inbox", Nav: "/", Visit: v, Data: qs, Live: true}
	for _, q := range qs {
		if q.Obstacle == "" {
			p.Count++
		}
	}
	c.show(w, http.StatusOK, p)
	return nil
}

// held is the leases' page.
type held struct {
	Active, Pending, Ended []lease.Lease
	Bars                   []lease.Bar
	Filter                 lease.Filter
}

func (c *Console) leases(w http.ResponseWriter, r *http.Request, v visit) error {
	q := r.URL.Query()
	h := held{Filter: lease.Filter{Principal: q.Get("principal"), Credential: q.Get("credential"), Limit: shownLeases}}
	for state, into := range map[lease.State]*[]lease.Lease{lease.Active: &h.Active, lease.Pending: &h.Pending, lease.Ended: &h.Ended} {
		f := h.Filter
		if f.State = state; state == lease.Ended {
			f.Limit = 25
		}
		var err error
		if *into, err = c.Desk.List(r.Context(), v.Who, f); err != nil {
			return err
		}
	}
	slices.SortFunc(h.Active, func(a, b lease.Lease) int { return a.Ends.Compare(b.Ends) })
	var err error
	if h.Bars, err = c.Desk.Bars(v.Who); err != nil {
		return err
	}
	c.show(w, http.StatusOK, page{Name: "leases", Title: "Leases", Nav: "/leases", Visit: v, Data: h, Live: true})
	return nil
}

func (c *Console) inventory(w http.ResponseWriter, r *http.Request, v visit) error {
	return c.showAll(w, r, v, page{Name: "inventory", Title: "Inventory", Nav: "/inventory"}, func(context.Context) (any, error) {
		return c.Inventory().Credentials(), nil
	})
}

func (c *Console) health(w http.ResponseWriter, r *http.Request, v visit) error {
	return c.showAll(w, r, v, page{Name: "health", Title: "Health", Nav: "/health"}, func(ctx context.Context) (any, error) {
		return struct {
			Parts   []Health
			Version string
		}{c.Health(ctx), c.Version}, nil
	})
}

// showAll shows a page for those who may see all that there is.
func (c *Console) showAll(w http.ResponseWriter, r *http.Request, v visit, p page, read func(context.Context) (any, error)) error {
	if !v.Reads() {
		return errNotYours
	}
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	data, err := read(ctx)
	if err != nil {
		return err
	}
	p.Visit, p.Data = v, data
	c.show(w, http.StatusOK, p)
	return nil
}
