package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"cloakroom/internal/approval"
	"cloakroom/internal/identity"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// problem is why a request was not answered, in words for the caller.
type problem struct {
	Status  int
	Code    string // for programs
	Message string // a sentence
}

func (p *problem) Error() string { return p.Message }

var (
	errNoPage      = &problem{404, "not_found", "There is no such page."}
	errNoSession   = &problem{401, "unauthenticated", "Your session has ended. Log in again."}
	errNoRole      = &problem{403, "denied", "You are logged in, but in no group that has a role here."}
	errNotYours    = &problem{403, "denied", "This page is for operators and auditors."}
	errNotAuditor  = &problem{403, "denied", "What was said in an exchange is for auditors."}
	errNotThere    = &problem{404, "not_found", "No session of that name is in the record."}
	errNotEnded    = &problem{409, "not_ended", "The exchange has not ended: what is said in it can be read then."}
	errToken       = &problem{403, "denied", "The form did not come from a page of this session. Go back, reload the page and try again."}
	errCrossOrigin = &problem{403, "denied", "The request came from a page of another site."}
	errHost        = &problem{421, "misdirected", "This is not the address of the console: see admin.url in the configuration."}
	errMethod      = &problem{405, "not_found", "The path takes other methods: see /api/v1/openapi.json."}
	errTooLarge    = &problem{413, "too_large", "That is more than a browser keeps for us."}
	errReason      = &problem{400, "invalid", "The reason is too long: say it in 500 bytes."}
	errTooMany     = &problem{429, "too_many", "Too many at once. Wait a moment and try again."}
	errBearer      = &problem{401, "unauthenticated", "Send a bearer token of an issuer of humans in Authorization."}
	errIDToken     = &problem{401, "unauthenticated", "Send the ID token of the login with the challenge's nonce as the bearer token."}
	errNoClient    = &problem{409, "no_client", "The issuer has no client for programs (cli_client_id): answer on the page."}
	errFlow        = &problem{400, "invalid", "This browser has no login under way, or it took longer than five minutes. Begin again."}
	errOther       = &problem{403, "denied", "The answer was begun in another session than this browser has now. Nothing was answered."}
	errOtherPerson = &problem{403, "denied", "Somebody else logged in than the person of this session. Nothing was answered."}
)

func invalid(message string) *problem { return &problem{400, "invalid", message} }

// problems says what the desk's errors mean to a caller.
var problems = []struct {
	is     error
	status int
	code   string
}{
	{lease.ErrUnknown, 404, "not_found"},
	{lease.ErrEnded, 409, "ended"},
	{lease.ErrConflict, 409, "changed"},
	{approval.ErrChanged, 409, "changed"},
	{lease.ErrScope, 400, "invalid"},
	{lease.ErrSelf, 403, "own_request"},
	{approval.ErrLong, 403, "denied"},
	{approval.ErrUnnamed, 403, "own_request"},
	{lease.ErrTwice, 409, "answered_already"},
	{approval.ErrRole, 403, "denied"},
	{approval.ErrMachine, 403, "denied"},
	{approval.ErrNobody, 403, "denied"},
	{approval.ErrNotFresh, 403, "not_fresh"},
	{lease.ErrUnavailable, 503, "unavailable"},
	{record.ErrUnknown, 404, "not_found"},
	{recording.ErrNotRecorded, 404, "not_recorded"},
	{recording.ErrGone, 410, "gone"},
	{recording.ErrErased, 410, "erased"},
	{recording.ErrBroken, 500, "broken"},
	{recording.ErrKey, 500, "key_missing"},
	{recording.ErrUnavailable, 503, "unavailable"},
	{errNoEntry, 503, "unavailable"},
}

// judge makes a problem of any error. One that nobody foresaw is not shown.
func judge(err error) (p *problem, foreseen bool) {
	var login *identity.Error
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p, true
	case errors.As(err, &large):
		return &problem{413, "too_large", "The request's body is too large."}, true
	case errors.As(err, &login) && login.Unavailable:
		return &problem{503, "unavailable", sentence(login.Error())}, true
	case errors.As(err, &login):
		return &problem{403, "denied", sentence(login.Error())}, true
	}
	for _, known := range problems {
		switch {
		case !errors.Is(err, known.is):
		case known.status >= 500: // a store's own words may name its host and user
			return &problem{known.status, known.code, sentence(known.is.Error())}, false
		default:
			return &problem{known.status, known.code, sentence(err.Error())}, true
		}
	}
	return &problem{500, "unavailable", "Something went wrong here; the service's log says what."}, false
}

// sentence begins with a capital and ends with a stop.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}

// fail tells the caller of err: a program in JSON, a person on a page.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, err error) {
	p, foreseen := judge(err)
	if !foreseen {
		c.Logger.Error("answering at the console", "path", r.URL.Path, "error", err)
	}
	if strings.HasPrefix(r.URL.Path, apiPath) {
		failJSON(w, p)
		return
	}
	data := struct {
		*problem
		Groups approval.Groups
		Login  bool
	}{p, approval.Groups{}, p.Status == http.StatusUnauthorized || p == errFlow}
	if p == errNoRole {
		data.Groups = c.roleHolders()
	}
	v := visit{}
	if s, ok := c.sessionOf(r); ok && p != errHost {
		v = visit{s, c.Desk.Roles(s.Who)}
	}
	c.show(w, p.Status, page{Name: "problem", Title: http.StatusText(p.Status), Visit: v, Data: data})
}

// failJSON answers as the agent's side does.
func failJSON(w http.ResponseWriter, p *problem) {
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("www-authenticate", `Bearer realm="cloakroom"`)
	}
	sendJSON(w, p.Status, map[string]any{"error": map[string]string{"code": p.Code, "message": p.Message}})
}

func sendJSON(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("content-type", "application/json")
	w.WriteHeader(status)
	// the caller may be gone; there is nobody left to tell
	_, _ = w.Write(b.Bytes())
}
