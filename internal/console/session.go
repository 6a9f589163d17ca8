package console

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/approval"
	"cloakroom/internal/identity"
)

const (
	sessionLength = 8 * time.Hour // from the login
	sessionIdle   = time.Hour     // from the latest page that was asked for
	renewAfter    = time.Minute   // of a session's idle time, before the cookie is set again
)

// session is a person's login, as the browser keeps it.
type session struct {
	Who   access.Principal `json:"who"` // of its groups, those that have a role
	Name  string           `json:"name"`
	Ends  time.Time        `json:"ends"`
	Idle  time.Time        `json:"idle"`  // ends unless it is used
	Token string           `json:"token"` // stands in every form
}

// until is when the session ends if it is not used.
func (s session) until() time.Time {
	if s.Idle.Before(s.Ends) {
		return s.Idle
	}
	return s.Ends
}

// Called is how to address the person.
func (s session) Called() string {
	switch {
	case s.Name != "":
		return s.Name
	case s.Who.Person != "":
		return s.Who.Person
	}
	return s.Who.Subject
}

// visit is a request of a person who is logged in and has a role.
type visit struct {
	session
	Roles approval.Roles
}

// Revokes tells whether the person may end a lease: an operator any, an approver
// those of theirs.
func (v visit) Revokes() bool { return v.Roles.Operator || v.Roles.Approver }

// Reads tells whether the person may see all that there is.
func (v visit) Reads() bool { return v.Roles.Operator || v.Roles.Auditor }

// startSession makes a session of a login.
func (c *Console) startSession(w http.ResponseWriter, in identity.LoggedIn) error {
	now := c.now()
	s := session{Who: in.Principal, Name: in.Name, Ends: now.Add(sessionLength), Idle: now.Add(sessionIdle), Token: token()}
	s.Who.Ends, s.Who.Groups = s.Ends, c.roleGroups(in.Principal)
	if !c.Desk.Roles(s.Who).Any() {
		return errNoRole
	}
	return c.keep(w, sessionCookie, sealedSession, s, sessionLength)
}

// roleGroups are who's groups that have a role: all that a person is in may not
// fit a cookie.
func (c *Console) roleGroups(who access.Principal) (names []string) {
	g := c.roleHolders()
	all := slices.Concat(g.Operators, g.Approvers, g.Auditors)
	for _, name := range who.Groups {
		if slices.Contains(all, access.Group{Issuer: who.Issuer, Name: name}) {
			names = append(names, name)
		}
	}
	return names
}

// roleHolders are the groups that have a role, those of the tiers included.
func (c *Console) roleHolders() approval.Groups {
	g := c.Groups()
	g.Approvers = slices.Clone(g.Approvers)
	for _, each := range c.Inventory().Credentials() {
		if a := each.Tier.Approval; a != nil {
			g.Approvers = append(g.Approvers, a.Approvers...)
		}
	}
	slices.SortFunc(g.Approvers, func(a, b access.Group) int {
		return cmp.Or(cmp.Compare(a.Issuer, b.Issuer), cmp.Compare(a.Name, b.Name))
	})
	g.Approvers = slices.Compact(g.Approvers)
	return g
}

// sessionOf is the request's session, false if it has none that is good now.
func (c *Console) sessionOf(r *http.Request) (session, bool) {
	var s session
	if !c.kept(r, sessionCookie, sealedSession, &s) || !c.now().Before(s.until()) {
		return session{}, false
	}
	if _, ok := c.login(s.Who.Issuer); !ok || !s.Who.Known() || !s.Who.Human {
		return session{}, false
	}
	return s, true
}

// renew puts the session's idle end off, once a minute. What a page asks for by
// itself does not: nobody need sit before it.
func (c *Console) renew(w http.ResponseWriter, r *http.Request, s session) error {
	idle := c.now().Add(sessionIdle)
	if byItself(r) || idle.Sub(s.Idle) < renewAfter {
		return nil
	}
	s.Idle = idle
	return c.keep(w, sessionCookie, sealedSession, s, s.Ends.Sub(c.now()))
}

// byItself tells whether the page, not the person, asks.
func byItself(r *http.Request) bool {
	return r.Header.Get(liveHeader) != "" || r.URL.Path == "/events" || r.URL.Query().Has("refresh")
}
