package console

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cloakroom/internal/lease"
)

// document is the API's description, which judges every answer of the tests.
type document struct {
	schemas *jsonschema.Compiler
	Paths   map[string]map[string]struct {
		Responses map[string]any
		Security  []any
	}
}

func readDocument(t *testing.T) *document {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(description))
	if err != nil {
		t.Fatal(err)
	}
	d := &document{schemas: jsonschema.NewCompiler()}
	d.schemas.AssertFormat()
	if err := d.schemas.AddResource("openapi.json", parsed); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(description, d); err != nil {
		t.Fatal(err)
	}
	return d
}

// judge holds an answer against the schema of its path, method and status.
func (d *document) judge(t *testing.T, method, pattern string, status int, body []byte) {
	t.Helper()
	at := "openapi.json#/components/schemas/Problem"
	if _, ok := d.Paths[pattern][strings.ToLower(method)].Responses[strconv.Itoa(status)]; ok {
		at = "openapi.json#/paths/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(pattern) + "/" + strings.ToLower(method) +
			"/responses/" + strconv.Itoa(status) + "/content/application~1json/schema"
	} else if status < 400 {
		t.Errorf("%s %s: status %d is not in the document", method, pattern, status)
		return
	}
	schema, err := d.schemas.Compile(at)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = schema.Validate(v)
	}
	if err != nil {
		t.Errorf("%s %s: status %d: %v: %s", method, pattern, status, err, body)
	}
}

// call sends a request with a bearer token, and judges the answer.
func (w *world) call(d *document, method, path, bearer, body string) (int, map[string]any) {
	w.t.Helper()
	r := httptest.NewRequest(method, home+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("content-type", "application/json")
	}
	if bearer != "" {
		r.Header.Set("authorization", "Bearer "+bearer)
	}
	got := httptest.NewRecorder()
	w.ServeHTTP(got, r)
	pattern, _, _ := strings.Cut(path, "?")
	for _, e := range endpoints {
		mux := http.NewServeMux()
		mux.HandleFunc(e.method+" "+e.path, func(http.ResponseWriter, *http.Request) {})
		if _, matched := mux.Handler(r); matched != "" {
			pattern = e.path
		}
	}
	d.judge(w.t, method, pattern, got.Code, got.Body.Bytes())
	if (got.Code == 401) != (got.Header().Get("www-authenticate") != "") {
		w.t.Errorf("%s %s: status %d with www-authenticate %q", method, path, got.Code, got.Header().Get("www-authenticate"))
	}
	var v map[string]any
	if err := json.Unmarshal(got.Body.Bytes(), &v); err != nil {
		w.t.Errorf("%s %s: %v", method, path, err)
	}
	return got.Code, v
}

// TestDescription holds the document against the code, both ways.
func TestDescription(t *testing.T) {
	d := readDocument(t)
	var said, served []string
	for path, methods := range d.Paths {
		for method := range methods {
			said = append(said, strings.ToUpper(method)+" "+path)
		}
	}
	for _, e := range endpoints {
		served = append(served, e.method+" "+e.path)
		if security := d.Paths[e.path][strings.ToLower(e.method)].Security; e.open != (security != nil) {
			t.Errorf("%s %s: open in the code: %v, security in the document: %v", e.method, e.path, e.open, security)
		}
	}
	slices.Sort(said)
	slices.Sort(served)
	if !slices.Equal(said, served) {
		t.Errorf("the document has %q, the code %q", said, served)
	}
	for _, p := range problems {
		d.judge(t, "GET", "/none", p.status, []byte(`{"error":{"code":"`+p.code+`","message":"m"}}`))
	}
	if got := newWorld(t).browser().get("/api/v1/openapi.json"); got.Code != 200 || !bytes.Equal(got.Body.Bytes(), description) {
		t.Errorf("the document is served with status %d", got.Code)
	}
}

func TestWhoMayCall(t *testing.T) {
	d := readDocument(t)
	w := newWorld(t)
	l := w.ask(refund, "please")
	tests := []struct {
		name, method, path, bearer, body string
		status                           int
	}{
		{"nobody", "GET", "/api/v1/approvals", "", "", 401},
		{"a bad token", "GET", "/api/v1/approvals", "bad", "", 401},
		{"a machine in the group", "GET", "/api/v1/approvals", "machine", "", 403},
		{"a person without a role", "GET", "/api/v1/approvals", "dave:staff", "", 403},
		{"an approver", "GET", "/api/v1/approvals", "alice:oncall", "", 200},
		{"one question", "GET", "/api/v1/approvals/" + l.ID, "alice:oncall", "", 200},
		{"no such question", "GET", "/api/v1/approvals/none", "alice:oncall", "", 404},
		{"leases", "GET", "/api/v1/leases?state=pending&limit=5", "alice:oncall", "", 200},
		{"leases of a strange state", "GET", "/api/v1/leases?state=odd", "alice:oncall", "", 400},
		{"no leases", "GET", "/api/v1/leases?limit=0", "alice:oncall", "", 400},
		{"too many leases", "GET", "/api/v1/leases?limit=1001", "alice:oncall", "", 400},
		{"sessions of an approver", "GET", "/api/v1/sessions", "alice:oncall", "", 403},
		{"sessions of an auditor", "GET", "/api/v1/sessions", "carol:security", "", 200},
		{"exchanges", "GET", "/api/v1/exchanges?session=s1", "carol:security", "", 200},
		{"exchanges of an approver", "GET", "/api/v1/exchanges?session=s1", "alice:oncall", "", 403},
		{"exchanges of no session", "GET", "/api/v1/exchanges", "carol:security", "", 400},
		{"sessions of an unknown outcome", "GET", "/api/v1/sessions?outcome=odd", "carol:security", "", 400},
		{"sessions of a time that is none", "GET", "/api/v1/sessions?since=now", "carol:security", "", 400},
		{"sessions of a credential", "GET", "/api/v1/sessions?credential=payments-write&outcome=refused&since=2001-01-01T00:00:00Z", "carol:security", "", 200},
		{"a session", "GET", "/api/v1/sessions/s1", "bob:sre", "", 200},
		{"no such session", "GET", "/api/v1/sessions/s2", "bob:sre", "", 404},
		{"a session of another approver's", "GET", "/api/v1/sessions/s1", "alice:oncall", "", 403},
		{"an exchange", "GET", "/api/v1/exchanges/x1", "bob:sre", "", 200},
		{"no such exchange", "GET", "/api/v1/exchanges/x9", "bob:sre", "", 404},
		{"an exchange of another approver's", "GET", "/api/v1/exchanges/x1", "alice:oncall", "", 403},
		{"a transcript", "GET", "/api/v1/exchanges/x1/transcript", "carol:security", "", 200},
		{"an operator's transcript", "GET", "/api/v1/exchanges/x1/transcript", "bob:sre", "", 403},
		{"a transcript of nothing", "GET", "/api/v1/exchanges/x2/transcript", "carol:security", "", 409},
		{"a HAR", "GET", "/api/v1/exchanges/x1/har", "carol:security", "", 200},
		{"an operator's HAR", "GET", "/api/v1/exchanges/x1/har", "bob:sre", "", 403},
		{"bars", "GET", "/api/v1/bars", "alice:oncall", "", 200},
		{"a revocation of an auditor's", "POST", "/api/v1/revocations", "carol:security", `{"all":true,"reason":"x"}`, 403},
		{"one of nothing", "POST", "/api/v1/revocations", "bob:sre", `{"reason":"x"}`, 400},
		{"one of two kinds", "POST", "/api/v1/revocations", "bob:sre", `{"lease":"a","all":true,"reason":"x"}`, 400},
		{"one without a reason", "POST", "/api/v1/revocations", "bob:sre", `{"all":true}`, 400},
		{"one that is over", "POST", "/api/v1/revocations", "bob:sre", `{"all":true,"reason":"x","until":"2001-01-01T00:00:00Z"}`, 400},
		{"an unknown field", "POST", "/api/v1/revocations", "bob:sre", `{"all":true,"reason":"x","force":true}`, 400},
		{"two bodies", "POST", "/api/v1/revocations", "bob:sre", `{"all":true,"reason":"x"}{}`, 400},
		{"a body that is too long", "POST", "/api/v1/revocations", "bob:sre", `{"all":true,"reason":"` + strings.Repeat("x", maxBody) + `"}`, 400},
		{"one that is good", "POST", "/api/v1/revocations", "bob:sre", `{"all":true,"reason":"x"}`, 200},
		{"another method", "PUT", "/api/v1/leases", "bob:sre", "", 405},
		{"an empty limit", "GET", "/api/v1/leases?limit=", "bob:sre", "", 400},
		{"elsewhere", "GET", "/api/v1/values", "bob:sre", "", 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			if got, body := w.call(d, tt.method, tt.path, tt.bearer, tt.body); got != tt.status {
				t.Errorf("status %d, want %d: %v", got, tt.status, body)
			}
		})
	}
	w.t = t
	if len(w.revoked) != 1 || !w.revoked[0].All || w.leases[0].State != lease.Ended {
		t.Errorf("revoked: %+v", w.revoked)
	}
	if got := w.loggedIn(human("bob", "sre")).get("/api/v1/approvals"); got.Code != 401 {
		t.Errorf("a page's cookie at the API: status %d", got.Code)
	}
}

// TestAnswerByAPI answers with the token of a login made for it, and with others.
func TestAnswerByAPI(t *testing.T) {
	d := readDocument(t)
	const good = `{"answer":"approve","scope":"operation","seen":"SEEN"}`
	tests := []struct {
		name, ask string
		asked     int
		bearer    func(nonce string) string
		change    func(w *world, challenge string) string
		answered  int
		state     lease.State
	}{
		{"approve", good, 201, nil, nil, 200, lease.Active},
		{"deny", `{"answer":"deny","reason":"no","seen":"SEEN"}`, 201, nil, nil, 200, lease.Ended},
		{"deny without a reason", `{"answer":"deny","seen":"SEEN"}`, 400, nil, nil, 0, lease.Pending},
		{"with an issuer of machines", `{"answer":"approve","scope":"operation","seen":"SEEN","issuer":"https://agents.test"}`, 409, nil, nil, 0, lease.Pending},
		{"what was not shown", `{"answer":"approve","scope":"operation","seen":"other"}`, 201, nil, nil, 409, lease.Pending},
		{"without a token", good, 201, func(string) string { return "" }, nil, 401, lease.Pending},
		{"with a token from before", good, 201, func(string) string { return "token-with-nonce:old" }, nil, 403, lease.Pending},
		{"with a token of an API client", good, 201, func(string) string { return "alice:oncall" }, nil, 403, lease.Pending},
		{"too late", good, 201, nil, func(w *world, c string) string { w.clock = w.clock.Add(flowLength); return c }, 403, lease.Pending},
		{"a challenge that was changed", good, 201, nil, func(_ *world, c string) string { return c[1:] + c[:1] }, 400, lease.Pending},
		{"a session's cookie as the challenge", good, 201, nil, func(w *world, _ string) string {
			return w.loggedIn(human("alice", "oncall")).cookies["__Host-cloakroom"]
		}, 400, lease.Pending},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			l := w.ask(refund, "please")
			path := "/api/v1/approvals/" + l.ID
			status, c := w.call(d, "POST", path+"/challenges", "", strings.Replace(tt.ask, "SEEN", "seen-"+l.ID, 1))
			if status != tt.asked {
				t.Fatalf("the challenge: status %d, want %d: %v", status, tt.asked, c)
			}
			if status != http.StatusCreated {
				return
			}
			w.in = human("alice", "oncall")
			w.in.At = time.Now()
			bearer := "token-with-nonce:" + c["nonce"].(string)
			if tt.bearer != nil {
				bearer = tt.bearer(c["nonce"].(string))
			}
			text := c["challenge"].(string)
			if tt.change != nil {
				text = tt.change(w, text)
			}
			status, got := w.call(d, "POST", path+"/answers", bearer, `{"challenge":"`+text+`","via":"cli"}`)
			if status != tt.answered || w.leases[0].State != tt.state {
				t.Errorf("status %d, want %d, the lease is %s: %v", status, tt.answered, w.leases[0].State, got)
			}
			if other := w.ask(refund, "another"); tt.answered == 200 {
				if status, _ := w.call(d, "POST", "/api/v1/approvals/"+other.ID+"/answers", bearer, `{"challenge":"`+text+`"}`); status != 400 {
					t.Errorf("the same for another question: status %d", status)
				}
				if status, _ := w.call(d, "POST", path+"/answers", bearer, `{"challenge":"`+text+`"}`); status != 409 {
					t.Errorf("a second time: status %d", status)
				}
			}
		})
	}
}

// TestNoTokenLiftsABar: a bearer token may stop what goes on, and lets nothing go
// on again.
func TestNoTokenLiftsABar(t *testing.T) {
	w := newWorld(t)
	w.call(readDocument(t), "POST", "/api/v1/revocations", "bob:sre", `{"all":true,"reason":"x"}`)
	id := w.bars[0].ID
	for _, path := range []string{"/api/v1/bars/" + id, "/bars/" + id + "/lift"} {
		for _, method := range []string{"DELETE", "POST", "PUT", "GET"} {
			r := httptest.NewRequest(method, home+path, nil)
			r.Header.Set("authorization", "Bearer bob:sre")
			got := httptest.NewRecorder()
			if w.ServeHTTP(got, r); got.Code < 300 || len(w.bars) != 1 {
				t.Errorf("%s %s: status %d, %d bars stand", method, path, got.Code, len(w.bars))
			}
		}
	}
}
