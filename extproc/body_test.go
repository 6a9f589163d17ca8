package extproc

import (
	"strings"
	"testing"

	modev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/codes"

	"cloakroom/internal/access"
)

// sequence writes replies in short: H the request's head, B and its bytes, E the
// end of the body, T trailers, R and the code of a refusal.
func sequence(got []*extprocv3.ProcessingResponse) string {
	var b strings.Builder
	for _, r := range got {
		piece := r.GetRequestBody().GetResponse().GetBodyMutation().GetStreamedResponse()
		switch {
		case r.GetRequestHeaders() != nil:
			b.WriteString("H")
		case r.GetImmediateResponse() != nil:
			b.WriteString("R" + strings.TrimPrefix(r.GetImmediateResponse().GetDetails(), "cloakroom_"))
		case r.GetRequestTrailers() != nil:
			b.WriteString("T")
		case piece.GetEndOfStream():
			b.WriteString("B" + string(piece.GetBody()) + "E")
		case piece != nil:
			b.WriteString("B" + string(piece.GetBody()))
		default:
			b.WriteString("?")
		}
	}
	return b.String()
}

func TestARequestsBody(t *testing.T) {
	const duplex = modev3.ProcessingMode_FULL_DUPLEX_STREAMED
	forged := "ckr_github_" + strings.Repeat("0", 26)
	long := strings.Repeat(" ", access.JudgedBody)
	type say = []*extprocv3.ProcessingRequest
	body := requestBody
	for _, tt := range []struct {
		name  string
		route string
		mode  modev3.ProcessingMode_BodySendMode
		say   say
		want  string
	}{
		{"judged whole", "route+body", duplex, say{body(`{"secret":"`, false), body(placeholder()+`"}`, false), body("", true)}, `HB{"secret":"` + planted + `"}E`},
		{"judged, then trailers", "route+body", duplex, say{body(`{"secret":"`+placeholder()+`"}`, false), requestTrailers()}, `HB{"secret":"` + planted + `"}T`},
		{"nothing but trailers", "route+body", duplex, say{requestTrailers()}, "HT"},
		{"empty", "route+body", duplex, say{body("", true)}, "HBE"},
		{"not over yet", "route+body", duplex, say{body(`{"secret":"`+placeholder()+`"}`, false)}, ""},
		{"refused at its end", "route+body", duplex, say{body(`{"secret":"`+placeholder(), false), body(`"}}`, true), body("", true)}, "Rdenied"},
		{"no JSON", "route+body", duplex, say{body(`}`, false), body(`{}`, true)}, "Rdenied"},
		{"refused late", "route+body", duplex, say{body(long, false), body(`{"secret":"`+forged+`"}`, true)}, "HB" + long + "Rnot_granted"},
		{"late", "route+body", duplex, say{body(long, false), body(`{"secret":"`+placeholder()+`"}`, true)}, "HB" + long + `B{"secret":"` + planted + `"}E`},
		{"on another route", "route", duplex, say{body(`{"secret":"`, false), body(placeholder()+`"}`, true)}, `HB{"secret":"B` + placeholder() + `"}E`},
		{"in another mode", "route+body", modev3.ProcessingMode_STREAMED, say{body(`{"secret":"`+placeholder()+`"}`, true)}, "H?"},
	} {
		w := newWorld(t)
		got, _ := w.serve(nil, append(say{w.requestBy(t, tt.route, tt.mode)}, tt.say...)...)
		if s := sequence(got); s != tt.want {
			t.Errorf("%s: got %.200q, want %.200q", tt.name, s, tt.want)
		}
	}
}

// TestABodyRefusedBehindItsAnswer ends the stream with an error: the answer is on
// its way, and nothing could take its place.
func TestABodyRefusedBehindItsAnswer(t *testing.T) {
	w := newWorld(t)
	got, err := w.serve(nil, w.requestBy(t, "route+body", modev3.ProcessingMode_FULL_DUPLEX_STREAMED), requestBody(strings.Repeat(" ", access.JudgedBody), false),
		responseHead(false), requestBody("x", true))
	if code(err) != codes.FailedPrecondition || len(got) != 3 {
		t.Errorf("got %v and %d replies", err, len(got))
	}
}

// TestALargeBodyGoesInPieces, so that no message is larger than gRPC takes.
func TestALargeBodyGoesInPieces(t *testing.T) {
	w := newWorld(t)
	text := `{"x":"` + strings.Repeat("x", 3*pieceSize) + `"}`
	got, _ := w.serve(nil, w.requestBy(t, "route+body", modev3.ProcessingMode_FULL_DUPLEX_STREAMED), requestBody(text, true))
	if len(got) != 5 || sequence(got) != "H"+"B"+text[:pieceSize]+"B"+text[pieceSize:2*pieceSize]+"B"+text[2*pieceSize:3*pieceSize]+"B"+text[3*pieceSize:]+"E" {
		t.Errorf("%d replies", len(got))
	}
}
