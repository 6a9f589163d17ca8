package console

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/approval"
	"cloakroom/internal/lease"
)

const apiPath = "/api/"

// description is the API's OpenAPI 3.1 document.
//
//go:embed openapi.json
var description []byte

// endpoint answers a program with a status and what is sent as JSON.
type endpoint func(c *Console, r *http.Request, who access.Principal) (status int, body any, err error)

// endpoints are the API's; open ones take callers without a bearer token of
// their own. None lifts a bar: a token may lie where an agent finds it, and what
// it opens again is for the page.
var endpoints = []struct {
	method, path string
	open         bool
	answer       endpoint
}{
	{"GET", "/api/v1/approvals", false, listQuestions},
	{"GET", "/api/v1/approvals/{id}", false, oneQuestion},
	{"POST", "/api/v1/approvals/{id}/challenges", true, challenge},
	{"POST", "/api/v1/approvals/{id}/answers", true, takeAnswer},
	{"GET", "/api/v1/leases", false, listLeases},
	{"POST", "/api/v1/revocations", false, takeRevocation},
	{"GET", "/api/v1/bars", false, listBars},
	{"GET", "/api/v1/sessions", false, listSessions},
	{"GET", "/api/v1/sessions/{id}", false, oneSession},
	{"GET", "/api/v1/exchanges", false, listExchanges},
	{"GET", "/api/v1/exchanges/{id}", false, oneExchange},
	{"GET", "/api/v1/exchanges/{id}/transcript", false, readTranscript},
	{"GET", "/api/v1/exchanges/{id}/har", false, readHAR},
}

// api adds the API to m.
func (c *Console) api(m *http.ServeMux) {
	allowed := make(map[string][]string)
	for _, e := range endpoints {
		allowed[e.path] = append(allowed[e.path], e.method)
		m.HandleFunc(e.method+" "+e.path, c.anybody(func(w http.ResponseWriter, r *http.Request) error {
			var who access.Principal
			var err error
			if !e.open {
				if who, err = c.caller(r); err != nil {
					return err
				}
			}
			status, body, err := e.answer(c, r, who)
			if err != nil {
				return err
			}
			sendJSON(w, status, body)
			return nil
		}))
	}
	for path, methods := range allowed {
		m.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("allow", strings.Join(methods, ", "))
			c.fail(w, r, errMethod)
		})
	}
	m.HandleFunc("GET /api/v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("content-type", "application/json")
		// the caller may be gone; there is nobody left to tell
		_, _ = w.Write(description)
	})
}

// caller is the person whose bearer token a program shows.
func (c *Console) caller(r *http.Request) (access.Principal, error) {
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	who, err := c.Identify(ctx, access.Headers(r.Header), r.URL.RequestURI())
	switch {
	case err != nil || !who.Known():
		return who, errBearer
	case !who.Human || who.Ticket:
		return who, approval.ErrMachine
	case !c.Desk.Roles(who).Any():
		return who, errNoRole
	}
	return who, nil
}

// decode reads a JSON body: one object, and no field that v has not.
func decode(r *http.Request, v any) error {
	if kind, _, _ := strings.Cut(r.Header.Get("content-type"), ";"); strings.TrimSpace(kind) != "application/json" {
		return &problem{415, "unsupported", "Send the body as application/json."}
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil || !errors.Is(d.Decode(new(json.RawMessage)), io.EOF) {
		return invalid("The body is not the JSON object that /api/v1/openapi.json describes.")
	}
	return nil
}

func listQuestions(c *Console, r *http.Request, who access.Principal) (int, any, error) {
	qs, err := c.Desk.Questions(r.Context(), who)
	return 200, map[string]any{"approvals": full(qs)}, err
}

func oneQuestion(c *Console, r *http.Request, who access.Principal) (int, any, error) {
	q, err := c.Desk.Question(r.Context(), r.PathValue("id"), who)
	return 200, q, err
}

func listLeases(c *Console, r *http.Request, who access.Principal) (int, any, error) {
	q := r.URL.Query()
	f := lease.Filter{Principal: q.Get("principal"), Credential: q.Get("credential")}
	states := map[string]lease.State{"pending": lease.Pending, "active": lease.Active, "ended": lease.Ended}
	if f.State = states[q.Get("state")]; f.State == 0 && q.Has("state") {
		return 0, nil, invalid("A state is pending, active or ended.")
	}
	var err error
	if f.Limit, err = limit(q); err != nil {
		return 0, nil, err
	}
	ls, err := c.Desk.List(r.Context(), who, f)
	out := []apiLease{}
	for _, l := range ls {
		out = append(out, leaseOf(l))
	}
	return 200, map[string]any{"leases": out}, err
}

// limit reads how many are wanted: 1 to 1000, 100 unless it is said.
func limit(q url.Values) (int, error) {
	if !q.Has("limit") {
		return 100, nil
	}
	n, err := strconv.Atoi(q.Get("limit"))
	if err != nil || n < 1 || n > 1000 {
		return 0, invalid("A limit is from 1 to 1000.")
	}
	return n, nil
}

func takeRevocation(c *Console, r *http.Request, who access.Principal) (int, any, error) {
	var q struct {
		Lease, Principal, Credential, Reason string
		All                                  bool
		Until                                time.Time
	}
	if err := decode(r, &q); err != nil {
		return 0, nil, err
	}
	rev := approval.Revocation{Lease: q.Lease, Principal: q.Principal, Credential: q.Credential, All: q.All, Until: q.Until,
		Reason: approval.Clean(q.Reason, maxText+1)}
	of := q.Principal != "" || q.Credential != ""
	switch {
	case rev.Reason == "" && q.Lease == "":
		return 0, nil, invalid("Say why: it is recorded with the bar, and the agents are told.")
	case len(rev.Reason) > maxText:
		return 0, nil, errReason
	case q.Lease != "" && (of || q.All), q.Lease == "" && of == q.All:
		return 0, nil, invalid("Name a lease, or a principal, a credential or both, or say all.")
	case !q.Until.IsZero() && !c.now().Before(q.Until):
		return 0, nil, invalid("The bar would have ended already.")
	}
	done, err := c.Desk.Revoke(r.Context(), who, rev)
	out := apiRevoked{Leases: full(done.Leases)}
	if done.Bar != nil {
		b := barOf(*done.Bar)
		out.Bar = &b
	}
	return 200, out, err
}

func listBars(c *Console, _ *http.Request, who access.Principal) (int, any, error) {
	bars, err := c.Desk.Bars(who)
	out := []apiBar{}
	for _, b := range bars {
		out = append(out, barOf(b))
	}
	return 200, map[string]any{"bars": out}, err
}

// full is a list that JSON shows as one, empty or not.
func full[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
