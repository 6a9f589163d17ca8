package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

const (
	shownExchanges = 500  // that a timeline lists
	readExchanges  = 100  // whose recordings are read for one page
	searchedLeases = 1000 // among which those of a session are looked for
	readWithin     = 30 * time.Second
)

// sessions lists those that the form asks for.
func (c *Console) sessions(w http.ResponseWriter, r *http.Request, v visit) error {
	return c.showAll(w, r, v, page{Name: "sessions", Title: "Sessions", Nav: "/sessions"}, func(ctx context.Context) (any, error) {
		q := r.URL.Query()
		f, err := sessionFilter(q, minuteForm)
		if err != nil {
			return nil, err
		}
		all, err := c.Index.Sessions(ctx, f)
		return struct {
			Asked       url.Values
			Sessions    []record.Session
			Credentials []string
			Most        bool // there may be earlier ones
		}{q, all, c.credentials(), len(all) == f.Most()}, err
	})
}

// minuteForm is how a browser's form sends a time, which is in UTC here.
const minuteForm = "2006-01-02T15:04"

// sessionFilter reads which sessions are wanted, with times in a form.
func sessionFilter(q url.Values, form string) (f record.SessionFilter, err error) {
	f = record.SessionFilter{Principal: q.Get("principal"), Credential: q.Get("credential"), Host: q.Get("host")}
	if f.Outcomes, err = record.ReadOutcomes(q.Get("outcome")); err != nil {
		return f, invalid("An outcome is allow, deny, needs_approval or refused.")
	}
	for name, into := range map[string]*time.Time{"since": &f.Since, "until": &f.Until} {
		if q.Get(name) == "" {
			continue
		}
		if *into, err = time.Parse(form, q.Get(name)); err != nil {
			return f, invalid("A time is in the form " + form + ".")
		}
	}
	return f, nil
}

// credentials are the names of those in force.
func (c *Console) credentials() (names []string) {
	for _, each := range c.Inventory().Credentials() {
		names = append(names, each.Name)
	}
	slices.Sort(names)
	return names
}

// sessionView is a session's page.
type sessionView struct {
	timeline
	ID, Principal string
	Most          bool // there may be earlier exchanges
	Opened        bool
	Said          map[string]*said
	Gone          map[string]string // why there is no recording, by exchange
	Unread        int               // exchanges for which there was no room
}

// session shows a session's timeline.
func (c *Console) session(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := c.sessionView(r.Context(), v, r.URL.Query())
	if err != nil {
		return err
	}
	c.show(w, http.StatusOK, page{Name: "session", Title: "Session", Nav: "/sessions", Visit: v, Data: view})
	return nil
}

// readSession shows a session with all that was said in it.
func (c *Console) readSession(w http.ResponseWriter, r *http.Request, v visit) error {
	ctx, cancel := context.WithTimeout(r.Context(), readWithin)
	defer cancel()
	view, err := c.sessionView(ctx, v, r.PostForm)
	if err != nil {
		return err
	}
	view.Unread = max(len(view.Exchanges)-readExchanges, 0)
	act := record.Act{Principal: view.Principal, Session: view.ID, N: len(view.Exchanges) - view.Unread, Detail: forPage}
	if err := c.note(ctx, v.Who, act); err != nil {
		return err
	}
	c.open(ctx, &view)
	c.show(w, http.StatusOK, page{Name: "session", Title: "Session", Nav: "/sessions", Visit: v, Data: view})
	return nil
}

// open reads what was said in a session, or why it cannot be shown; the log has
// who reads it.
func (c *Console) open(ctx context.Context, view *sessionView) {
	view.Opened, view.Said, view.Gone = true, make(map[string]*said), make(map[string]string)
	left := room{mostBlocks, mostShown}
	for _, x := range view.Exchanges[view.Unread:] {
		id := x.Decision.Decision.Exchange
		if left.none() {
			view.Gone[id] = "The page has no room left: open the exchange by itself."
			continue
		}
		t, err := c.contents(ctx, x.Exchange)
		if err != nil {
			p, foreseen := judge(err)
			if !foreseen {
				c.Logger.Error("reading a recording", "exchange", id, "error", err)
			}
			view.Gone[id] = p.Message
			continue
		}
		shown := saidIn(view.axis, t, &left)
		view.Said[id] = &shown
	}
}

func (c *Console) sessionView(ctx context.Context, v visit, q url.Values) (sessionView, error) {
	s := sessionView{ID: q.Get("id"), Principal: q.Get("principal")}
	xs, ls, err := c.sessionOfRecord(ctx, v, s.Principal, s.ID, shownExchanges)
	if err != nil {
		return s, err
	}
	s.timeline, s.Most = newTimeline(xs, ls, s.ID, c.now()), len(xs) == shownExchanges
	return s, nil
}

// sessionOfRecord is what a visitor may see of a session: operators and auditors
// all of it, an approver the exchanges that used leases over credentials of theirs.
func (c *Console) sessionOfRecord(ctx context.Context, v visit, principal, session string, most int) ([]record.Exchange, []lease.Lease, error) {
	xs, err := c.Index.Exchanges(ctx, principal, session, most)
	if err != nil {
		return nil, nil, err
	}
	ls, err := c.leasesOf(ctx, v.Who, principal, session, xs)
	if err != nil {
		return nil, nil, err
	}
	if !v.Reads() {
		xs = slices.DeleteFunc(xs, func(x record.Exchange) bool { return !usesAny(x, ls) })
	}
	switch {
	case len(xs) > 0:
		return xs, ls, nil
	case v.Reads():
		return nil, nil, errNotThere
	}
	return nil, nil, errNotYours
}

// leasesOf are the leases that were asked for in a session or used in its
// exchanges, of those that who may see.
func (c *Console) leasesOf(ctx context.Context, who access.Principal, principal, session string, xs []record.Exchange) ([]lease.Lease, error) {
	ls, err := c.Desk.List(ctx, who, lease.Filter{Principal: principal, Limit: searchedLeases})
	if err != nil {
		return nil, err
	}
	used := make(map[string]bool)
	for _, x := range xs {
		for _, u := range x.Decision.Decision.Uses {
			used[u.Lease] = true
		}
	}
	return slices.DeleteFunc(ls, func(l lease.Lease) bool { return !used[l.ID] && (l.Session != session || session == "") }), nil
}

func usesAny(x record.Exchange, ls []lease.Lease) bool {
	return slices.ContainsFunc(x.Decision.Decision.Uses, func(u record.Use) bool {
		return slices.ContainsFunc(ls, func(l lease.Lease) bool { return l.ID == u.Lease })
	})
}
