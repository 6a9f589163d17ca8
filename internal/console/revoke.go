package console

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"cloakroom/internal/approval"
	"cloakroom/internal/lease"
)

// What can be revoked at once, as the form and the API name it.
const (
	ofLease      = "lease"
	ofPrincipal  = "principal"
	ofCredential = "credential"
	ofAll        = "all"
)

// countedLeases is up to which number leases are counted.
const countedLeases = 1000

// barred are the times for which leases can be barred, as the form names them;
// zero: until it is lifted.
var barred = []struct {
	Name string
	For  time.Duration
}{{"15 minutes", 15 * time.Minute}, {"1 hour", time.Hour}, {"8 hours", 8 * time.Hour}, {"until it is lifted", 0}}

// revocable is the page that says what a revocation will do.
type revocable struct {
	Lease      *lease.Lease // the one that was clicked on; nil: none was
	Principal  string
	Credential string
	All        bool
	Live       map[string]string // how many leases would end, by what is revoked
	Wrong      string
}

// confirmRevoke says what will happen, and asks for a reason.
func (c *Console) confirmRevoke(w http.ResponseWriter, r *http.Request, v visit) error {
	return c.showRevoke(w, r, v, http.StatusOK, r.URL.Query(), "")
}

func (c *Console) showRevoke(w http.ResponseWriter, r *http.Request, v visit, status int, q url.Values, wrong string) error {
	if !v.Revokes() || q.Get(ofLease) == "" && !v.Roles.Operator {
		return approval.ErrRole
	}
	p := revocable{Principal: q.Get(ofPrincipal), Credential: q.Get(ofCredential), All: q.Has(ofAll), Live: make(map[string]string), Wrong: wrong}
	if id := q.Get(ofLease); id != "" {
		l, err := c.Desk.Lease(r.Context(), id, v.Who)
		if err != nil {
			return err
		}
		p.Lease, p.Principal, p.Credential = &l, l.Principal, l.Credential
	}
	title, ends := "Revoke", make(map[string]lease.Filter)
	switch {
	case p.All:
		title, ends[ofAll] = "Stop everything", lease.Filter{}
	case p.Principal == "" && p.Credential == "":
		return errNoPage
	}
	if p.Principal != "" {
		ends[ofPrincipal] = lease.Filter{Principal: p.Principal}
	}
	if p.Credential != "" {
		ends[ofCredential] = lease.Filter{Credential: p.Credential}
	}
	for what, f := range ends {
		f.State, f.Limit = lease.Active, countedLeases
		live, err := c.Desk.List(r.Context(), v.Who, f)
		if err != nil {
			return err
		}
		if p.Live[what] = strconv.Itoa(len(live)); len(live) == countedLeases {
			p.Live[what] += " or more"
		}
	}
	c.show(w, status, page{Name: "revoke", Title: title, Nav: "/leases", Visit: v, Data: p})
	return nil
}

// revoke does what confirmRevoke said.
func (c *Console) revoke(w http.ResponseWriter, r *http.Request, v visit) error {
	rev := approval.Revocation{Reason: approval.Clean(r.PostFormValue("reason"), maxText+1)}
	switch r.PostFormValue("what") {
	case ofLease:
		rev.Lease = r.PostFormValue(ofLease)
	case ofPrincipal:
		rev.Principal = r.PostFormValue(ofPrincipal)
	case ofCredential:
		rev.Credential = r.PostFormValue(ofCredential)
	case ofAll:
		rev.All = r.PostFormValue("sure") == "yes"
	}
	wrong := ""
	switch {
	case rev.Lease == "" && rev.Principal == "" && rev.Credential == "" && !rev.All:
		wrong = "Choose what to revoke, and confirm it."
	case rev.Reason == "" && rev.Lease == "":
		wrong = "Say why: it is recorded with the bar, and the agents are told."
	case len(rev.Reason) > maxText:
		wrong = errReason.Message
	}
	if wrong != "" {
		return c.showRevoke(w, r, v, http.StatusBadRequest, r.PostForm, wrong)
	}
	for _, b := range barred {
		if b.Name == r.PostFormValue("for") && b.For > 0 {
			rev.Until = c.now().Add(b.For)
		}
	}
	if _, err := c.Desk.Revoke(r.Context(), v.Who, rev); err != nil {
		return err
	}
	http.Redirect(w, r, "/leases", http.StatusSeeOther)
	return nil
}

// lift takes a bar away.
func (c *Console) lift(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := c.Desk.Lift(r.Context(), v.Who, r.PathValue("id")); err != nil {
		return err
	}
	http.Redirect(w, r, "/leases", http.StatusSeeOther)
	return nil
}
