package extproc

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	modev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"cloakroom/internal/access"
	"cloakroom/internal/exchange"
)

// TestLength: what a head says of a body's length goes unless the exchange says that
// it may stay, and never comes from us.
func TestLength(t *testing.T) {
	for _, keeps := range []bool{false, true} {
		m, err := mutation(exchange.Change{KeepsLength: keeps})
		if err != nil || slices.Contains(m.GetRemoveHeaders(), "content-length") == keeps {
			t.Errorf("keeps %v: %v, %v", keeps, m, err)
		}
	}
	for _, c := range []exchange.Change{{Set: []access.Header{{Name: "content-length", Value: "1"}}}, {Remove: []string{"content-length"}}} {
		if m, err := mutation(c); err != errHeader {
			t.Errorf("%+v: %v, %v", c, m, err)
		}
	}
}

// TestTheEndOfALength: of a body that keeps its length the last byte goes with the
// end, which Envoy tells later: else a backend would answer a request that is open.
func TestTheEndOfALength(t *testing.T) {
	long := strings.Repeat("x", pieceSize+1)
	type say = []*extprocv3.ProcessingRequest
	for _, tt := range []struct {
		name, length string
		say          say
		want         string
	}{
		{"the end behind it", "5", say{requestBody("he", false), requestBody("llo", false), requestBody("", true)}, "HBheBlloE"},
		{"the end with it", "5", say{requestBody("hello", true)}, "HBhelloE"},
		{"trailers behind it", "5", say{requestBody("hello", false), requestTrailers()}, "HBhelloT"},
		{"a long piece", fmt.Sprint(len(long)), say{requestBody(long, false), requestBody("", true)}, "HB" + long[1:] + "BxE"},
		{"nothing is declared", "", say{requestBody("hello", false), requestBody("", true)}, "HBhelloBE"},
		{"nothing comes", "0", say{requestBody("", true)}, "HBE"},
	} {
		w := newWorld(t)
		q := w.requestBy(t, "route", modev3.ProcessingMode_FULL_DUPLEX_STREAMED)
		if h := q.GetRequestHeaders().GetHeaders(); tt.length != "" {
			h.Headers = append(h.Headers, lines("content-length", tt.length).Headers...)
		}
		got, _ := w.serve(nil, append(say{q}, tt.say...)...)
		if s := sequence(got); s != tt.want {
			t.Errorf("%s: got %.80q, want %.80q", tt.name, s, tt.want)
		}
	}
}
