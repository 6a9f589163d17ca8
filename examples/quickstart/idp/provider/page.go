package provider

import (
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
	"time"
)

const (
	loginPath = "/login"
	// These are the library's: they send the browser back to the app.
	callbackPath  = "/authorize/callback"
	logoutPath    = "/end_session"
	sessionCookie = "demo_idp_session"
)

//go:embed login.html
var pageText string

var page = template.Must(template.New("login").Parse(pageText))

// ask shows the login form, or skips it where an earlier login will do.
func (p *people) ask(w http.ResponseWriter, r *http.Request) {
	a, err := p.attempt(r.FormValue("id"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if c, err := r.Cookie(sessionCookie); err == nil {
		if who, ok := p.session(c.Value); ok && a.takes(who) {
			p.finish(a.id, who)
			back(w, r, a.id)
			return
		}
	}
	if a.silent() { // the library says interaction_required
		back(w, r, a.id)
		return
	}
	p.show(w, a, a.request.LoginHint, http.StatusOK)
}

// answer takes the form.
func (p *people) answer(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	a, err := p.attempt(r.PostFormValue("id"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name := r.PostFormValue("user")
	if !p.check(name, r.PostFormValue("password")) {
		p.show(w, a, name, http.StatusUnauthorized)
		return
	}
	who := loggedIn{user: name, at: time.Now()}
	p.finish(a.id, who)
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: p.remember(who), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	back(w, r, a.id)
}

// logout ends the browser's session.
func (p *people) logout(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(sessionCookie); err == nil {
		p.end(c.Value)
	}
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1})
}

func back(w http.ResponseWriter, r *http.Request, id string) {
	http.Redirect(w, r, callbackPath+"?"+url.Values{"id": {id}}.Encode(), http.StatusSeeOther)
}

func (p *people) show(w http.ResponseWriter, a attempt, name string, status int) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	page.Execute(w, struct {
		ID, App, Name string
		Users         []User
		Refused       bool
	}{a.id, a.request.ClientID, name, p.users, status == http.StatusUnauthorized})
}
