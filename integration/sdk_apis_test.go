package integration

import (
	"net/http"
	"strings"
	"testing"
)

// api is one kind of API that SDKs speak to, an answer or two of it. It takes
// its key exactly, once, at the place where the real one wants it, and tells it
// in its answers as a careless API might. Without answers it is the
// quickstart's, which does the same.
type api struct {
	name, host string // name: of its credential
	in         string // the rule's location
	sent       func(*http.Request) []string
	answers    map[string]answers // by method and path
}

// answers writes the answer in which the sentence told gives the key away.
type answers func(w http.ResponseWriter, r *http.Request, told string)

var bearer = inHeader("Authorization", "Bearer ")

var apis = []api{
	{"openai", "api.openai.com", "header:authorization", nil, nil},
	{"github", "api.github.com", "header:authorization", nil, nil},
	{"anthropic", "api.anthropic.com", "header:authorization", bearer, map[string]answers{"POST /v1/messages": anthropicMessage}},
	{"stripe", "api.stripe.com", "header:authorization", bearer, map[string]answers{
		"POST /v1/customers": stripeCustomer, "GET /v1/customers": stripeCustomers}},
	{"slack", "slack.com", "header:authorization", bearer, map[string]answers{
		"POST /api/auth.test": slackAuth, "POST /api/chat.postMessage": slackMessage}},
	{"gemini", "generativelanguage.googleapis.com", "header:x-goog-api-key", inHeader("X-Goog-Api-Key", ""), map[string]answers{
		"POST /v1/models/parrot:generateContent": geminiContent, "POST /v1/models/parrot:streamGenerateContent": geminiStream}},
	{"youtube", "youtube.googleapis.com", "query:key", inQuery("key"), map[string]answers{"GET /youtube/v3/search": youtubeSearch}},
	{"graphql", "api.example.com", "header:authorization", bearer, map[string]answers{"POST /graphql": graphViewer}},
	{"oauth", "login.example.com", "header:authorization", inBasic, map[string]answers{"POST /oauth/token": oauthToken}},
}

// inHeader is where keys stand in a header behind a scheme.
func inHeader(name, scheme string) func(*http.Request) []string {
	return func(r *http.Request) (keys []string) {
		for _, line := range r.Header.Values(name) {
			key, ok := strings.CutPrefix(line, scheme)
			if !ok {
				key = ""
			}
			keys = append(keys, key)
		}
		return keys
	}
}

func inQuery(name string) func(*http.Request) []string {
	return func(r *http.Request) []string { return r.URL.Query()[name] }
}

// inBasic is where an OAuth 2 client's secret stands by default, RFC 6749 2.3.1.
func inBasic(r *http.Request) []string {
	if id, secret, ok := r.BasicAuth(); ok && id == "a-client" {
		return []string{secret}
	}
	return nil
}

// inForm takes a form's field that stands in the body; the URL does not count.
func inForm(name string) func(*http.Request) []string {
	return func(r *http.Request) []string {
		if r.ParseForm() != nil {
			return nil
		}
		return r.PostForm[name]
	}
}

// handler routes by host; keys are by the APIs' names.
func handler(all []api, keys map[string]string) http.Handler {
	mux := http.NewServeMux()
	for _, a := range all {
		for at, answer := range a.answers {
			method, path, _ := strings.Cut(at, " ")
			mux.HandleFunc(method+" "+a.host+path, a.demand(keys[a.name], answer))
		}
	}
	return mux
}

func (a api) demand(key string, answer answers) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if got := a.sent(r); len(got) != 1 || got[0] != key {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answer(w, r, "You sent the key "+key)
	}
}

// TestAPIsDemandTheirKey pins what TestSDKs trusts: any other key is a 401, and
// so is the right one at another place or twice.
func TestAPIsDemandTheirKey(t *testing.T) {
	keys := map[string]string{}
	for _, a := range apis {
		keys[a.name] = value()
	}
	b := backend(t, handler(apis, keys).ServeHTTP)
	for _, a := range apis {
		for at := range a.answers {
			method, path, _ := strings.Cut(at, " ")
			for _, wrong := range []http.Header{{}, {"Authorization": {"Bearer x" + keys[a.name]}}, {"X-Elsewhere": {keys[a.name]}},
				{"Authorization": {"Bearer " + keys[a.name], "Bearer " + keys[a.name]}, "X-Api-Key": {keys[a.name] + "x"}}} {
				r, err := http.NewRequest(method, b.URL+path+"?k="+keys[a.name], nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Host, r.Header = a.host, wrong
				resp, err := http.DefaultTransport.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode != http.StatusUnauthorized {
					t.Errorf("%s, %s: status %d", a.name, at, resp.StatusCode)
				}
			}
		}
	}
}
