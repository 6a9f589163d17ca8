package console

import (
	"net/http"
	"time"

	"cloakroom/internal/approval"
	"cloakroom/internal/identity"
)

// proof is an answer with the login that was made for it, as a page keeps it
// whose text no other origin can read.
type proof struct {
	Given  given             `json:"given"`
	In     identity.LoggedIn `json:"in"`
	Asked  time.Time         `json:"asked"` // when the login was asked for
	Token  string            `json:"token"` // of the session that answers
	Expiry time.Time         `json:"expiry"`
}

// shared tells whether cookies of ours are others' too: over http they go to every
// port of the host, and each can set them. So a browser may bring an answer that
// nobody began in it.
func (c *Console) shared() bool { return c.URL.Scheme != "https" }

// confirmation is what a person is shown who has logged in for an answer.
type confirmation struct {
	approval.Question
	Answer given
	Proof  string
	Mark   string // the page that the person answered on knows it; empty: none did
}

// askAgain shows what is about to be answered. The page's script goes on by itself
// where the answer began in this very tab.
func (c *Console) askAgain(w http.ResponseWriter, r *http.Request, v visit, f flow, in identity.LoggedIn) error {
	q, err := c.Desk.Question(r.Context(), f.Answer.Question, in.Principal)
	switch {
	case err != nil:
		return err
	case q.Obstacle != "":
		return &problem{http.StatusForbidden, "denied", sentence(q.Obstacle)}
	case q.Seen != f.Answer.Seen:
		return approval.ErrChanged
	}
	p := proof{Given: *f.Answer, In: in, Asked: f.Attempt.Fresh, Token: v.Token, Expiry: c.now().Add(flowLength)}
	text, err := c.sealer.seal(sealedProof, p)
	if err != nil {
		return err
	}
	c.show(w, http.StatusOK, page{Name: "confirm", Title: "Your answer", Nav: "/", Visit: v, Data: confirmation{q, p.Given, text, f.Mark}})
	return nil
}

// confirm takes an answer that its person was shown once more.
func (c *Console) confirm(w http.ResponseWriter, r *http.Request, v visit) error {
	var p proof
	if c.sealer.open(sealedProof, r.PostFormValue("proof"), &p) != nil || p.Given.Question != r.PathValue("id") || !c.now().Before(p.Expiry) {
		return errFlow
	}
	if !sameToken(p.Token, v.Token) {
		return errOther
	}
	return c.bring(w, r, p)
}

// bring brings an answer to the desk.
func (c *Console) bring(w http.ResponseWriter, r *http.Request, p proof) error {
	g, in := p.Given, p.In
	_, err := c.Desk.Answer(r.Context(), g.Question, approval.Answer{By: in.Principal, Name: in.Name, LoggedIn: in.At,
		Asked: p.Asked, Approve: g.Approve, Scope: g.Scope, Reason: g.Reason, Seen: g.Seen, Via: "page"})
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/approvals/"+g.Question, http.StatusSeeOther)
	return nil
}
