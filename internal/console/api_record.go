package console

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
	"unicode/utf8"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// visitOf is the visit of a person whose program asks.
func (c *Console) visitOf(who access.Principal) visit {
	return visit{session{Who: who}, c.Desk.Roles(who)}
}

func listSessions(c *Console, r *http.Request, who access.Principal) (int, any, error) {
	if !c.visitOf(who).Reads() {
		return 0, nil, errNotYours
	}
	f, err := sessionFilter(r.URL.Query(), time.RFC3339)
	if err != nil {
		return 0, nil, err
	}
	if f.Limit, err = limit(r.URL.Query()); err != nil {
		return 0, nil, err
	}
	all, err := c.Index.Sessions(r.Context(), f)
	out := []apiSession{}
	for _, s := range all {
		out = append(out, apiSession{s.ID, s.Principal, s.First.UTC(), s.Last.UTC(), s.Exchanges, s.Refused})
	}
	return 200, map[string]any{"sessions": out}, err
}

// oneSession is what the caller may see of a session.
func oneSession(c *Console, r *http.Request, who access.Principal) (int, any, error) {
	most, err := limit(r.URL.Query())
	if err != nil {
		return 0, nil, err
	}
	id := r.PathValue("id")
	xs, ls, err := c.sessionOfRecord(r.Context(), c.visitOf(who), r.URL.Query().Get("principal"), id, most)
	leases := []apiLease{}
	for _, l := range ls {
		leases = append(leases, leaseOf(l))
	}
	return 200, map[string]any{"session": id, "exchanges": exchangesOf(xs), "leases": leases}, err
}

func listExchanges(c *Console, r *http.Request, who access.Principal) (int, any, error) {
	if !c.visitOf(who).Reads() {
		return 0, nil, errNotYours
	}
	q := r.URL.Query()
	if !q.Has("session") {
		return 0, nil, invalid("Name the session.")
	}
	most, err := limit(q)
	if err != nil {
		return 0, nil, err
	}
	all, err := c.Index.Exchanges(r.Context(), q.Get("principal"), q.Get("session"), most)
	return 200, map[string]any{"exchanges": exchangesOf(all)}, err
}

func exchangesOf(xs []record.Exchange) []apiExchange {
	out := []apiExchange{}
	for _, x := range xs {
		out = append(out, apiExchange{x.DecisionLine, x.EndLine})
	}
	return out
}

func oneExchange(c *Console, r *http.Request, who access.Principal) (int, any, error) {
	x, err := c.exchangeOf(r.Context(), c.visitOf(who), r.PathValue("id"))
	return 200, apiExchange{x.DecisionLine, x.EndLine}, err
}

func readTranscript(c *Console, r *http.Request, who access.Principal) (int, any, error) {
	x, err := c.exchangeOf(r.Context(), c.visitOf(who), r.PathValue("id"))
	if err != nil {
		return 0, nil, err
	}
	t, err := c.read(r.Context(), who, x, forAPI)
	if err != nil {
		return 0, nil, err
	}
	return 200, transcriptOf(*t.Recording), nil
}

func readHAR(c *Console, r *http.Request, who access.Principal) (int, any, error) {
	x, err := c.exchangeOf(r.Context(), c.visitOf(who), r.PathValue("id"))
	if err != nil {
		return 0, nil, err
	}
	har, err := c.har(r.Context(), who, x)
	return 200, json.RawMessage(har), err
}

type apiTranscript struct {
	Exchange string     `json:"exchange"`
	Began    time.Time  `json:"began"`
	Complete bool       `json:"complete"`
	Sent     apiSum     `json:"sent"`
	Got      apiSum     `json:"got"`
	Events   []apiEvent `json:"events"`
}

type apiSum struct {
	Bytes  int64  `json:"bytes"`
	Kept   int64  `json:"kept"`
	SHA256 string `json:"sha256,omitempty"` // empty: not taken
}

type apiEvent struct {
	At     int64          `json:"at_us"` // microseconds since the exchange began
	Kind   recording.Kind `json:"kind"`
	Head   *apiHead       `json:"head,omitempty"`
	Text   string         `json:"text,omitempty"`   // of a body or message; what is no text is in Base64
	Base64 string         `json:"base64,omitempty"` // likewise
	Binary bool           `json:"binary,omitempty"`
	Masked map[string]int `json:"masked,omitempty"`
}

type apiHead struct {
	Method    string      `json:"method,omitempty"`
	Authority string      `json:"authority,omitempty"`
	Path      string      `json:"path,omitempty"`
	Status    int         `json:"status,omitempty"`
	Headers   [][2]string `json:"headers"` // name and value
}

func transcriptOf(t recording.Transcript) apiTranscript {
	out := apiTranscript{t.Exchange, t.Began.UTC(), t.Complete, sumOf(t.Sent), sumOf(t.Got), []apiEvent{}}
	for _, e := range t.Events {
		out.Events = append(out.Events, eventOf(e))
	}
	return out
}

func sumOf(s recording.Sum) apiSum { return apiSum{s.Bytes, s.Kept, hashed(s.SHA256)} }

func eventOf(e recording.Event) apiEvent {
	out := apiEvent{At: e.At.Microseconds(), Kind: e.Kind, Binary: e.Binary, Masked: e.Masked}
	if utf8.Valid(e.Data) {
		out.Text = string(e.Data)
	} else {
		out.Base64 = base64.StdEncoding.EncodeToString(e.Data)
	}
	if h := e.Head; h != nil {
		out.Head = &apiHead{h.Method, h.Authority, h.Path, h.Status, [][2]string{}}
		for _, l := range h.Headers {
			out.Head.Headers = append(out.Head.Headers, [2]string{l.Name, l.Value})
		}
	}
	return out
}
