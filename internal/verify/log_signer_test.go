package verify

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/checkpoint"
)

// TestAWitnessThatSignsIsAsked lets one say how far it has taken a log.
func TestAWitnessThatSignsIsAsked(t *testing.T) {
	w := newLogWorld(t)
	private, public, err := note.GenerateKey(nil, "witness.example")
	if err != nil {
		t.Fatal(err)
	}
	status, size := 0, int64(0)
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("content-type", "text/x.tlog.size")
		out.WriteHeader(status)
		fmt.Fprintf(out, "%d\n", size)
	}))
	defer server.Close()
	u, err := checkpoint.NewURL(server.URL, public, w.key.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	signed := w.cosigned(t, private)
	for _, tt := range []struct {
		name    string
		status  int
		size    int64 // less than what is signed
		receipt bool
		says    string // of the finding; empty: there is none
	}{
		{"as it was noted", 409, 0, true, ""},
		{"more than the log has", 409, 1000, true, "cut short or rolled back"},
		{"more than the log has, and nothing is noted", 409, 1000, false, "cut short or rolled back"},
		{"less than was noted", 409, -1, true, "it was cut"},
		{"nothing is noted", 409, 0, false, "is gone"},
		{"another root", 422, 0, true, "rewritten, or continued twice"},
		{"it is down", 500, 0, true, ""},
		{"it knows nothing, and nothing is noted", 409, -signed.Size, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer w.restore(t)
			status, size = tt.status, signed.Size+tt.size
			if tt.receipt {
				put(t, checkpoint.ReceiptPath(w.one, u.Name()), signed.Note)
			}
			v, done := w.logs(t, w.one)
			defer done()
			v.Index, v.Heads, v.Archives, v.Signers = nil, nil, nil, []*checkpoint.URL{u}
			r, err := v.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var about []string // but for the other replica's log
			for _, f := range r.Findings {
				if f.File == u.Name() {
					about = append(about, f.What)
				}
			}
			if said := strings.Join(about, "\n"); (said == "") != (tt.says == "") || !strings.Contains(said, tt.says) {
				t.Errorf("found %q, noted %q", said, r.Notes)
			}
		})
	}
}

// cosigned is the first log's checkpoint with a witness's signature.
func (w *logWorld) cosigned(t *testing.T, private string) checkpoint.Signed {
	t.Helper()
	msg, err := os.ReadFile(checkpoint.LatestPath(w.one))
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(msg, note.VerifierList(w.key.Verifier()))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := cosignature.NewSignerForCosignatureV1(private)
	if err != nil {
		t.Fatal(err)
	}
	if msg, err = note.Sign(n, signer); err != nil {
		t.Fatal(err)
	}
	s, err := checkpoint.Open(msg, w.key.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	return s
}
