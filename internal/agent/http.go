package agent

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"cloakroom/internal/access"
)

const (
	leasesPath = Path + "/leases"
	mcpPath    = Path + "/mcp"
)

// serve matches paths exactly: a mux would redirect odd ones, and they come
// here untouched.
func (e endpoint) serve(w http.ResponseWriter, r *http.Request, c caller, body []byte) {
	one, isOne := strings.CutPrefix(r.RequestURI, leasesPath+"/")
	switch {
	case r.RequestURI == Path && r.Method == http.MethodGet:
		answer(w, http.StatusOK, e.ask.discover(r.Context(), c))
	case r.RequestURI == leasesPath && r.Method == http.MethodPost:
		e.lease(w, r, c, body)
	case isOne:
		e.one(w, r, c, one, body)
	case r.RequestURI == mcpPath:
		e.mcp.ServeHTTP(w, r.WithContext(withCaller(r.Context(), c)))
	default:
		nowhere(w)
	}
}

// lease answers 201 with a ticket that works, 202 with one that does not yet.
func (e endpoint) lease(w http.ResponseWriter, r *http.Request, c caller, body []byte) {
	var q leaseQuestion
	if !decode(body, &q) {
		refuse(w, refusal(access.Denied, `want a body such as {"credential":"NAME","reason":"why"}`))
		return
	}
	given, refused := e.ask.lease(r.Context(), c, q)
	status := http.StatusAccepted
	if given.State == "active" {
		status = http.StatusCreated
	}
	reply(w, status, given, refused)
}

// one answers a question about the caller's own lease; rest is what its path and
// query say behind ".../leases/".
func (e endpoint) one(w http.ResponseWriter, r *http.Request, c caller, rest string, body []byte) {
	rest, query, asked := strings.Cut(rest, "?")
	id, extend := strings.CutSuffix(rest, "/extend")
	switch {
	case r.Method == http.MethodGet && !extend:
		wait, ok := waitOf(query)
		if asked && !ok {
			refuse(w, refusal(access.Denied, "want no query but one such as ?wait=30s"))
			return
		}
		status, refused := e.ask.status(r.Context(), c, statusQuestion{id, wait})
		reply(w, http.StatusOK, status, refused)
	case r.Method == http.MethodPost && extend && !asked:
		q := extendQuestion{Lease: id}
		if !decode(body, &extendBody{&q.Seconds}) {
			refuse(w, refusal(access.Denied, `want a body such as {"seconds":60}`))
			return
		}
		status, refused := e.ask.extend(r.Context(), c, q)
		reply(w, http.StatusOK, status, refused)
	case r.Method == http.MethodDelete && !extend && !asked:
		status, refused := e.ask.end(r.Context(), c, endQuestion{id})
		reply(w, http.StatusOK, status, refused)
	default:
		nowhere(w)
	}
}

// extendBody is an extension's body: the lease stands in the path.
type extendBody struct {
	Seconds *int `json:"seconds"`
}

// waitOf reads a status's query, wait=30 or wait=30s, in seconds.
func waitOf(query string) (int, bool) {
	text, ok := strings.CutPrefix(query, "wait=")
	n, err := strconv.ParseUint(strings.TrimSuffix(text, "s"), 10, 31)
	return int(n), ok && err == nil
}

func nowhere(w http.ResponseWriter) {
	answer(w, http.StatusNotFound, map[string]any{"error": map[string]string{"code": "denied",
		"message": "GET " + Path + " lists what you may use, and tells how; POST " + leasesPath + " gives a ticket"}})
}

func reply(w http.ResponseWriter, status int, body any, refused *access.Refusal) {
	if refused != nil {
		refuse(w, refused)
		return
	}
	answer(w, status, body)
}

func refuse(w http.ResponseWriter, r *access.Refusal) {
	w.Header().Set("content-type", "application/json")
	if r.Code.Status() == http.StatusUnauthorized {
		w.Header().Set("www-authenticate", `Bearer realm="cloakroom"`)
	}
	if s := r.RetrySeconds(); s > 0 {
		w.Header().Set("retry-after", strconv.Itoa(s))
	}
	w.WriteHeader(r.Code.Status())
	// the caller may be gone; there is nobody left to tell
	_, _ = w.Write(r.JSON())
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("content-type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(body) // likewise
}
