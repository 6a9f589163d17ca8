package integration

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const stormConfig = `
tiers:
  own: {lease: 2s}
  few: {lease: 2s, uses: 3}
  asked: {lease: 5s, reuse: true, approval: {approvers: [people/oncall, others/oncall], wait: 1s, expires: 1m, cooldown: 1s}}
credentials:
  - {name: own, tier: own, groups: [ai-agents], value: {env: OWN_KEY}, allow: [{hosts: [api.test], methods: [GET], paths: ["/v1/**"]}]}
  - {name: few, tier: few, groups: [ai-agents], value: {env: FEW_KEY}, allow: [{hosts: [api.test], methods: [GET], paths: ["/v1/**"]}]}
  - {name: asked, tier: asked, groups: [ai-agents], value: {env: ASKED_KEY}, allow: [{hosts: [api.test], methods: [GET], paths: ["/v1/**"]}]}
`

// credentialsOfStorm are its credentials' names.
var credentialsOfStorm = []string{"own", "few", "asked"}

// storm is a fleet under load, and what was seen of it from outside: what came to
// the backend with a value, what people did and were told, when the store was away.
type storm struct {
	*fleet
	values, placeholders map[string]string // by credential
	agents               map[string]string // their tokens, by name

	mu       sync.Mutex
	sent     map[string]time.Time // when, by path; no path is sent twice
	codes    map[string]int       // of the answers to agents
	arrivals []arrival
	answers  []answered
	revokes  []revocation
	outages  []span
}

// arrival is a request that came to the backend with a value.
type arrival struct {
	credential, path string
	at               time.Time
}

// answered is an answer that was acknowledged.
type answered struct {
	question, person string
	approve          bool
}

// revocation is what an operator asked for and, where acked is not zero, was told
// by then that it is done.
type revocation struct {
	lease, principal, credential string
	acked, until                 time.Time // until: of the bar that stands then
}

// span is a time in which the store was away: from when it had ended to when it was
// started.
type span struct{ from, to time.Time }

func newStorm(t *testing.T) *storm {
	t.Helper()
	s := &storm{values: make(map[string]string), placeholders: make(map[string]string), agents: make(map[string]string),
		sent: make(map[string]time.Time), codes: make(map[string]int)}
	env, clients := make(map[string]string), []string{sreClient}
	for _, name := range credentialsOfStorm {
		s.values[name] = value()
		env[strings.ToUpper(name)+"_KEY"] = s.values[name]
	}
	for i := range 4 {
		clients = append(clients, fmt.Sprintf("storm%d:secret-for-tests-%d:ai-agents:alice@example.com", i, i))
	}
	b := backend(t, s.arrives)
	s.fleet = newFleet(t, setup{Config: stormConfig, Values: env, Clients: clients,
		Upstreams: []string{`{host: api.test, address: "` + b.address() + `", prefix: /api}`}})
	for _, name := range credentialsOfStorm {
		s.placeholders[name] = s.replicas[0].placeholder(name)
	}
	for _, c := range clients[1:] {
		name, _, _ := strings.Cut(c, ":")
		s.agents[name] = s.token(c)
	}
	return s
}

func (s *storm) arrives(_ http.ResponseWriter, r *http.Request) {
	got := strings.TrimPrefix(r.Header.Get("authorization"), "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, value := range s.values {
		if got == value {
			s.arrivals = append(s.arrivals, arrival{name, r.URL.RequestURI(), time.Now()})
		}
	}
}

// uses is an agent that sends one request after another.
func (s *storm) uses(agent string, done <-chan struct{}) {
	for n := 0; !over(done, 40*time.Millisecond); n++ {
		credential := credentialsOfStorm[rand.IntN(len(credentialsOfStorm))]
		path := fmt.Sprintf("/v1/%s/%s?n=%d", credential, agent, n)
		s.mu.Lock()
		s.sent[path] = time.Now()
		s.mu.Unlock()
		got := s.try("/api"+path, "x-cloakroom-token", s.agents[agent], "authorization", "Bearer "+s.placeholders[credential])
		code := fmt.Sprint(got.status(), " ", errorCode(got.body))
		if got.shows(s.values[credential]) || got.hung {
			s.t.Errorf("%s: the value came back, or nothing did", path)
		}
		s.mu.Lock()
		s.codes[code]++
		s.mu.Unlock()
	}
}

func over(done <-chan struct{}, pause time.Duration) bool {
	select {
	case <-done:
		return true
	case <-time.After(pause):
		return false
	}
}

func (s *storm) random() *rig { return s.nth(rand.IntN(len(s.replicas))) }

// judges is a person who answers what is asked, each time at other replicas.
func (s *storm) judges(m *member, person string, done <-chan struct{}) {
	for !over(done, 200*time.Millisecond) {
		open := s.questions(s.random(), m)
		if len(open) == 0 {
			continue
		}
		q := open[rand.IntN(len(open))]
		scope := q.Scopes[rand.IntN(len(q.Scopes))]
		if rand.IntN(6) == 0 {
			scope = ""
		}
		status, text, _ := s.answer(m, s.random(), s.random(), q, scope)
		if status != http.StatusOK {
			continue
		}
		if person == "alice@example.com" {
			s.t.Errorf("the human behind the agent answered: %s", text)
		}
		s.mu.Lock()
		s.answers = append(s.answers, answered{q.ID, person, scope != ""})
		s.mu.Unlock()
	}
}

// operates is an operator who ends a lease now and then, or bars a principal from a
// credential for a second.
func (s *storm) operates(m *member, done <-chan struct{}) {
	for !over(done, 250*time.Millisecond) {
		var active struct{ Leases []anyLease }
		s.call(s.random(), "GET", "/leases?state=active", m.bearer, nil, &active)
		if len(active.Leases) == 0 {
			continue
		}
		l := active.Leases[rand.IntN(len(active.Leases))]
		did := revocation{lease: l.ID, principal: l.Principal, credential: l.Credential}
		ask := map[string]any{"lease": l.ID, "reason": "a storm"}
		if rand.IntN(3) == 0 {
			did.lease = ""
			ask = map[string]any{"principal": l.Principal, "credential": l.Credential, "reason": "a storm", "until": time.Now().Add(time.Second)}
		}
		var got struct{ Bar *struct{ Until time.Time } }
		if status, _ := s.call(s.random(), "POST", "/revocations", m.bearer, ask, &got); status == http.StatusOK {
			did.acked = time.Now()
			if got.Bar != nil {
				did.until = got.Bar.Until
			}
		}
		s.mu.Lock()
		s.revokes = append(s.revokes, did)
		s.mu.Unlock()
	}
}

// fails kills and restarts replicas until the time is over, and the store once in
// every ten seconds of it.
func (s *storm) fails(lasts time.Duration) {
	began, stores := time.Now(), 0
	for i := 0; time.Since(began) < lasts; i++ {
		time.Sleep(time.Second)
		r := s.nth(i)
		r.service.kill()
		time.Sleep(300 * time.Millisecond)
		r.restart()
		if time.Since(began) > time.Duration(stores)*10*time.Second+3*time.Second {
			[]func(){s.store.Kill, s.store.Stop}[stores%2]()
			away := span{from: time.Now()}
			time.Sleep(2 * time.Second)
			away.to = time.Now()
			s.store.Start()
			s.outages = append(s.outages, away)
			stores++
		}
	}
}

// restart is serve for a replica whose addresses others are using.
func (r *rig) restart() {
	r.t.Helper()
	r.service = start(r.t, r.dir, "cloakroom", r.env, "serve")
	r.logged(r.service, "serving", "admin")
}

// TestStorm lets agents ask, people answer at random replicas, an operator revoke
// and bar, while replicas and the store are killed and come back: nothing is
// substituted outside a lease, and no answer that was acknowledged is lost.
func TestStorm(t *testing.T) {
	t.Parallel()
	s := newStorm(t)
	alice, bob, erin := s.member("alice", s.people), s.member("bob", s.people), s.member("erin", s.others)
	done := make(chan struct{})
	var actors sync.WaitGroup
	for agent := range s.agents {
		actors.Go(func() { s.uses(agent, done) })
	}
	for person, m := range map[string]*member{"alice@example.com": alice, "bob@example.com": bob, "erin@example.com": erin} {
		actors.Go(func() { s.judges(m, person, done) })
	}
	actors.Go(func() { s.operates(bob, done) })
	s.fails(stormLasts)
	close(done)
	actors.Wait()
	for i, r := range s.replicas {
		s.eventually(fmt.Sprintf("replica %d is ready", i), func() bool { return s.ready(r) })
	}
	v := s.evidence(bob)
	for _, a := range s.arrivals {
		if why := v.wrong(a); why != "" {
			t.Errorf("%s came with the value at %v: %s", a.path, a.at, why)
		}
	}
	v.checkUses()
	v.checkAnswers()
	v.checkRevokes()
	s.verified()
	if len(s.arrivals) == 0 || len(s.answers) == 0 || !slices.ContainsFunc(s.revokes, func(r revocation) bool { return !r.acked.IsZero() }) || len(s.outages) == 0 {
		t.Error("the storm was none")
	}
	t.Logf("%d substitutions, %d answers, %d revocations, %d outages of the store, %d leases; answers to agents: %v",
		len(s.arrivals), len(s.answers), len(s.revokes), len(s.outages), len(v.leases), s.codes)
}
