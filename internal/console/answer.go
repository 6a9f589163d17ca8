package console

import (
	"net/http"

	"cloakroom/internal/approval"
	"cloakroom/internal/identity"
	"cloakroom/internal/lease"
)

// given is an answer that waits for the login that it needs.
type given struct {
	Question string      `json:"question"`
	Approve  bool        `json:"approve"`
	Scope    lease.Scope `json:"scope,omitempty"`
	Reason   string      `json:"reason,omitempty"`
	Seen     string      `json:"seen"` // approval.Question.Seen of what was shown
}

// parseAnswer reads an answer's parts: "approve" with a scope, or "deny" with a
// reason.
func parseAnswer(question, answer, scope, reason, seen string) (given, error) {
	g := given{Question: question, Approve: answer == "approve", Reason: approval.Clean(reason, maxText+1), Seen: seen}
	switch {
	case answer != "approve" && answer != "deny":
		return given{}, invalid("An answer is approve or deny.")
	case seen == "":
		return given{}, invalid("The answer does not say which question it saw.")
	case len(g.Reason) > maxText:
		return given{}, errReason
	case !g.Approve && g.Reason == "":
		return given{}, invalid("Say why: the agent is told, and can only do better if it knows.")
	case !g.Approve:
		return g, nil
	}
	var err error
	if g.Scope, err = lease.ParseScope(scope); err != nil {
		return given{}, invalid("Choose what the lease shall be good for.")
	}
	return g, nil
}

// maxMark bounds a form's mark, in bytes.
const maxMark = 64

// asked is a question's page.
type asked struct {
	approval.Question
	Choices []choice
	Wrong   string // with what was just sent
	Sent    string // the reason that was sent with it
}

// choice is a scope to choose.
type choice struct {
	lease.Scope
	Chosen bool
}

// question shows one question, or what became of it.
func (c *Console) question(w http.ResponseWriter, r *http.Request, v visit) error {
	return c.showQuestion(w, r, v, http.StatusOK, "")
}

func (c *Console) showQuestion(w http.ResponseWriter, r *http.Request, v visit, status int, wrong string) error {
	id := r.PathValue("id")
	l, err := c.Desk.Lease(r.Context(), id, v.Who)
	if err != nil {
		return err
	}
	if l.State != lease.Pending {
		c.show(w, status, page{Name: "outcome", Title: "Question about " + l.Credential, Nav: "/", Visit: v, Data: l})
		return nil
	}
	q, err := c.Desk.Question(r.Context(), id, v.Who)
	if err != nil {
		return err
	}
	a := asked{q, choices(q.Scopes, r.PostFormValue("scope")), wrong, r.PostFormValue("reason")}
	c.show(w, status, page{Name: "question", Title: "May " + q.Subject + " use " + q.Credential + "?", Nav: "/", Visit: v, Data: a, Live: true})
	return nil
}

// choices are the scopes, with the one that was sent chosen, else the narrowest;
// the widest is never chosen for anybody.
func choices(names []string, sent string) (all []choice) {
	for i, name := range names {
		s, err := lease.ParseScope(name)
		if err != nil {
			continue
		}
		narrowest := sent == "" && i == 0 && s != lease.ScopeCredential
		all = append(all, choice{s, name == sent || narrowest})
	}
	return all
}

// answer takes an answer from the form and sends the person to log in for it.
func (c *Console) answer(w http.ResponseWriter, r *http.Request, v visit) error {
	g, err := parseAnswer(r.PathValue("id"), r.PostFormValue("answer"), r.PostFormValue("scope"), r.PostFormValue("reason"), r.PostFormValue("seen"))
	if p, ok := err.(*problem); ok {
		return c.showQuestion(w, r, v, p.Status, p.Message)
	}
	attempt := identity.NewAttempt(c.at(callbackPath), c.now())
	attempt.Hint = v.Who.Person
	mark := r.PostFormValue("mark")
	if len(mark) > maxMark {
		return invalid("The form's mark is too long.")
	}
	return c.leave(w, r, flow{Issuer: v.Who.Issuer, Attempt: attempt, Answer: &g, Token: v.Token, Mark: mark})
}

// answered brings an answer to the desk, with the login that was made for it.
func (c *Console) answered(w http.ResponseWriter, r *http.Request, f flow, in identity.LoggedIn) error {
	s, ok := c.sessionOf(r)
	switch {
	case !ok:
		return errNoSession
	case !sameToken(f.Token, s.Token):
		return errOther
	case in.Principal.Person == "" || in.Principal.Person != s.Who.Person || in.Principal.ID() != s.Who.ID():
		return errOtherPerson
	}
	if c.shared() {
		return c.askAgain(w, r, visit{s, c.Desk.Roles(s.Who)}, f, in)
	}
	return c.bring(w, r, proof{Given: *f.Answer, In: in, Asked: f.Attempt.Fresh})
}
