package provider

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"sync"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// User is a person who may log in.
type User struct {
	Name, Password string
	Email          string
	Unverified     bool     // email_verified is false
	Groups         []string // the "groups" claim
}

// loginTTL is how long a login may take, and how long a code is good.
const loginTTL = 10 * time.Minute

// people are the users, what they are logging in to, and who logged in before.
type people struct {
	users []User

	mu       sync.Mutex
	attempts map[string]attempt
	codes    map[string]string   // code → attempt
	sessions map[string]loggedIn // by the cookie
}

// loggedIn is what a browser's cookie stands for.
type loggedIn struct {
	user string
	at   time.Time
}

func newPeople(users []User) *people {
	return &people{users: users, attempts: make(map[string]attempt), codes: make(map[string]string), sessions: make(map[string]loggedIn)}
}

func (p *people) user(name string) (User, bool) {
	for _, u := range p.users {
		if u.Name == name {
			return u, true
		}
	}
	return User{}, false
}

func (p *people) check(name, password string) bool {
	u, ok := p.user(name)
	return ok && u.Password != "" && subtle.ConstantTimeCompare([]byte(u.Password), []byte(password)) == 1
}

// begin remembers an attempt to log in, and forgets the old ones.
func (p *people) begin(r *oidc.AuthRequest) attempt {
	a := attempt{request: *r, id: rand.Text(), begun: time.Now()}
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, old := range p.attempts {
		if time.Since(old.begun) > loginTTL {
			delete(p.attempts, id)
		}
	}
	for code, id := range p.codes {
		if _, ok := p.attempts[id]; !ok {
			delete(p.codes, code)
		}
	}
	p.attempts[a.id] = a
	return a
}

var errAttempt = errors.New("no such attempt to log in, or an old one")

func (p *people) attempt(id string) (attempt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, ok := p.attempts[id]
	if !ok {
		return attempt{}, errAttempt
	}
	return a, nil
}

// byCode takes a code, which is good once.
func (p *people) byCode(code string) (attempt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, ok := p.attempts[p.codes[code]]
	delete(p.codes, code)
	if !ok {
		return attempt{}, errAttempt
	}
	return a, nil
}

func (p *people) addCode(id, code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.codes[code] = id
}

func (p *people) forget(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.attempts, id)
}

// remember starts a browser's session, and returns its cookie's value.
func (p *people) remember(who loggedIn) string {
	cookie := rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions[cookie] = who
	return cookie
}

func (p *people) session(cookie string) (loggedIn, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	who, ok := p.sessions[cookie]
	return who, ok
}

func (p *people) end(cookie string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.sessions, cookie)
}

// finish notes who the attempt's person is.
func (p *people) finish(id string, who loggedIn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a, ok := p.attempts[id]; ok {
		a.who = who
		p.attempts[id] = a
	}
}
