package agent

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
)

// FuzzLeaseQuestion sends any body: what goes on to be decided keeps every bound,
// and says what encoding/json alone makes of the same body.
func FuzzLeaseQuestion(f *testing.F) {
	for _, seed := range []string{
		`{"credential":"github","reason":"why","wait":30,"operation":{"method":"post","host":"A.b","path":"/c?d","body_sha256":"` + strings.Repeat("0f", 32) + `"}}`,
		`{"credential":"github"}}`, `{"wait":-1}`, `{"wait":1e3}`, `null`, `[]`, `{"operation":null}`, "{\"operation\":{\"path\":\"/\u202e\"}}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var q leaseQuestion
		if !decode(body, &q) {
			return
		}
		if !json.Valid(body) {
			t.Fatalf("took %q for a document", body)
		}
		d := &decider{}
		_, refused := questions{d}.lease(context.Background(), caller{who: access.Principal{Issuer: "i", Subject: "s"}}, q)
		if len(d.asked) == 0 {
			if refused == nil {
				t.Fatal("neither asked nor refused")
			}
			return
		}
		got := d.asked[0]
		if got.Wait < 0 || got.Wait > MaxWait || got.Credential != q.Credential || got.Reason != q.Reason {
			t.Errorf("asked %+v for %q", got, body)
		}
		if o := got.Operation; o.Named() != (q.Operation != nil) || o.Unseen && o.Body != (lease.Digest{}) {
			t.Errorf("asked for the operation %+v of %q", o, body)
		}
	})
}

// tail is what may stand behind a lease's id.
var tail = regexp.MustCompile(`^(|/extend|\?wait=[0-9]+s?)$`)

// FuzzTarget sends any path below the leases': nothing but an id as it stands
// in the path goes on to be decided.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{anID, anID + "/extend", anID + "?wait=3s", "../x", "a%2fb", "a?&wait=0", "a?wait=1&wait=2", ""} {
		f.Add("GET", seed)
		f.Add("POST", seed)
		f.Add("DELETE", seed)
	}
	f.Fuzz(func(t *testing.T, method, rest string) {
		if method != "GET" && method != "POST" && method != "DELETE" {
			return
		}
		d := &decider{}
		w := ask(t, d, method, leasesPath+"/"+rest, "a", `{"seconds":1}`)
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("got %s", w.Body)
		}
		for _, asked := range d.leases {
			id := strings.Fields(asked)[1]
			behind, ok := strings.CutPrefix(rest, id)
			if named(id) != nil || !ok || !tail.MatchString(behind) {
				t.Errorf("%s %q asked %q", method, rest, asked)
			}
		}
	})
}
