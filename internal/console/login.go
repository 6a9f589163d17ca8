package console

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"cloakroom/internal/identity"
)

const (
	flowLength = 5 * time.Minute // that a person has to log in
	// loginsAtOnce bounds the logins that issuers are asked about at once: anybody
	// can come back with a code that is none. More wait, and nobody is turned away
	// for what others do.
	loginsAtOnce = 16
)

// flow is a login under way, as the browser keeps it: a link that somebody else
// made, or began, comes to a browser that has another flow or none.
type flow struct {
	Issuer  string           `json:"issuer"`
	Attempt identity.Attempt `json:"attempt"`
	To      string           `json:"to,omitempty"`     // where to go then
	Answer  *given           `json:"answer,omitempty"` // what the login is for; nil: a session
	Token   string           `json:"token,omitempty"`  // of the session that answers
	Mark    string           `json:"mark,omitempty"`   // of the page on which it was answered
	Ends    time.Time        `json:"ends"`
}

// login is the login with an issuer, false if people cannot log in there now.
func (c *Console) login(issuer string) (Login, bool) {
	all := c.Logins()
	i := slices.IndexFunc(all, func(l Login) bool { return l.Issuer == issuer })
	if i < 0 {
		return Login{}, false
	}
	return all[i], true
}

// loginPage lets a person choose with whom to log in.
func (c *Console) loginPage(w http.ResponseWriter, r *http.Request) error {
	to := within(r.URL.Query().Get("to"))
	if _, ok := c.sessionOf(r); ok {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return nil
	}
	c.show(w, http.StatusOK, page{Name: "login", Title: "Log in", Data: struct {
		Logins []Login
		To     string
		Out    bool
	}{c.Logins(), to, r.URL.Query().Has("out")}})
	return nil
}

// beginLogin sends a person to the issuer that they chose.
func (c *Console) beginLogin(w http.ResponseWriter, r *http.Request) error {
	return c.leave(w, r, flow{Issuer: r.PostFormValue("issuer"), To: within(r.PostFormValue("to")),
		Attempt: identity.NewAttempt(c.at(callbackPath), time.Time{})})
}

// callbackPath is where issuers send people back to.
const callbackPath = "/login/callback"

// at is a path's URL.
func (c *Console) at(path string) string {
	return (&url.URL{Scheme: c.URL.Scheme, Host: c.URL.Host, Path: path}).String()
}

// leave sends the browser to the issuer, by a page that goes there by itself:
// a browser that heeds form-action follows no redirect of a form's answer to
// another origin, and an issuer may well send people on to a third.
func (c *Console) leave(w http.ResponseWriter, r *http.Request, f flow) error {
	l, ok := c.login(f.Issuer)
	if !ok {
		return invalid("Nobody can log in with that issuer.")
	}
	to, err := l.Page.AuthURL(r.Context(), f.Attempt)
	if err != nil {
		return err
	}
	f.Ends = c.now().Add(flowLength)
	if err := c.keep(w, flowCookie, sealedFlow, f, flowLength); err != nil {
		return err
	}
	c.show(w, http.StatusOK, page{Name: "leave", Title: "Logging in", Data: struct{ Name, URL string }{l.Name, to}})
	return nil
}

// callback is where the issuer sends the browser back to.
func (c *Console) callback(w http.ResponseWriter, r *http.Request) error {
	var f flow
	known := c.kept(r, flowCookie, sealedFlow, &f)
	c.drop(w, flowCookie)
	l, ok := c.login(f.Issuer)
	if !known || !ok || !c.now().Before(f.Ends) {
		return errFlow
	}
	in, err := c.finish(r, l, f)
	if err != nil {
		return err
	}
	if f.Answer != nil {
		return c.answered(w, r, f, in)
	}
	if err := c.startSession(w, in); err != nil {
		return err
	}
	c.Logger.Info("a person logged in at the console", "principal", in.Principal.ID())
	http.Redirect(w, r, f.To, http.StatusSeeOther)
	return nil
}

// finish asks the issuer who logged in. Who answers has a session, and waits for
// no stranger.
func (c *Console) finish(r *http.Request, l Login, f flow) (identity.LoggedIn, error) {
	if f.Answer == nil {
		select {
		case c.logins <- struct{}{}:
			defer func() { <-c.logins }()
		case <-r.Context().Done():
			return identity.LoggedIn{}, errTooMany
		}
	}
	return l.Page.Finish(r.Context(), f.Attempt, r.URL.Query())
}

// logout ends the session, here and, where it can be, at the issuer.
func (c *Console) logout(w http.ResponseWriter, r *http.Request, v visit) error {
	c.drop(w, sessionCookie)
	c.drop(w, flowCookie)
	if l, ok := c.login(v.Who.Issuer); ok {
		// an issuer that cannot be asked now keeps them logged in
		if out, err := l.Page.LogoutURL(r.Context(), c.at("/login")); err == nil && out != "" {
			c.show(w, http.StatusOK, page{Name: "leave", Title: "Logging out", Data: struct{ Name, URL string }{l.Name, out}})
			return nil
		}
	}
	http.Redirect(w, r, "/login?out", http.StatusSeeOther)
	return nil
}
