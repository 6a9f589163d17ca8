package extproc

import (
	"bytes"
	"testing"

	modev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"cloakroom/internal/exchange"
)

// message is what one byte of a script stands for. The planted value is cut in
// two, so that it comes whole, in pieces, and in pieces of its own.
func (w *world) message(t testing.TB, b byte) *extprocv3.ProcessingRequest {
	switch b % 16 {
	case 0:
		return w.request(t)
	case 1: // ungranted
		m := w.request(t)
		m.MetadataContext = nil
		return m
	case 2:
		return responseHead(false, "x", planted, "content-type", "text/event-stream")
	case 3:
		return responseHead(true, "x", planted)
	case 4:
		return responseHead(false, "content-encoding", "x-new")
	case 5:
		return responseBody("text "+planted+"\n\n", false)
	case 6:
		return responseBody(planted[:7], false)
	case 7:
		return responseBody(planted[7:], false)
	case 8:
		return responseBody("", true)
	case 9:
		return responseBody(planted, true)
	case 10:
		return responseTrailers("x", planted)
	case 11:
		return requestBody("up", false)
	case 12:
		return requestBody("", true)
	case 13:
		return requestTrailers()
	case 14:
		return &extprocv3.ProcessingRequest{}
	}
	return responseHead(false, "x", "y")
}

// FuzzMessages says Envoy's messages in any order, repeated and cut short. What
// must hold: a value goes up only behind a grant and never down; a stream ends
// without an error only if nothing that follows could pass unseen.
func FuzzMessages(f *testing.F) {
	for _, seed := range []string{"", "\x00", "\x00\x02\x05\x08", "\x00\x02\x06\x07\x08", "\x00\x0f\x06\x07\x0a", "\x02\x05\x09", "\x00\x03",
		"\x01\x02\x05", "\x00\x04\x05\x08", "\x00\x0b\x0f\x06\x0c\x07\x08\x08", "\x00\x00\x02", "\x05\x00", "\x00\x0f\x08\x05", "\x0d\x0e"} {
		f.Add([]byte(seed), false, uint8(6))
		f.Add([]byte(seed), true, uint8(6))
	}
	f.Fuzz(func(t *testing.T, script []byte, canceled bool, mode uint8) {
		w := newWorld(t)
		s := &stream{}
		for _, b := range script[:min(len(script), 64)] {
			s.say = append(s.say, w.message(t, b))
		}
		if len(s.say) > 0 && mode%8 != 7 {
			s.say[0].ProtocolConfig = protocol(modev3.ProcessingMode_NONE, modev3.ProcessingMode_BodySendMode(mode%8))
			if mode == 6 {
				s.say[0].ProtocolConfig.ResponseBodyMode = modev3.ProcessingMode_FULL_DUPLEX_STREAMED
			}
		}
		if canceled {
			s.end = status.Error(codes.Canceled, "context canceled")
		}
		said := len(s.say)
		err := w.server.Process(s)
		judgeReplies(t, s.got, s.say, said, err)
	})
}

func judgeReplies(t *testing.T, got []*extprocv3.ProcessingResponse, left []*extprocv3.ProcessingRequest, said int, err error) {
	t.Helper()
	var down []byte
	ended, heads, refusals := false, 0, 0
	for _, r := range got {
		if ended && r.GetRequestBody() == nil && r.GetRequestTrailers() == nil && !isEmptyEnd(r) {
			t.Fatalf("a reply behind the end: %v", r)
		}
		switch {
		case r.GetRequestHeaders() != nil:
			heads++
			continue // the one message that may hold the value
		case r.GetImmediateResponse() != nil:
			refusals++
			ended = true
		case r.GetResponseHeaders() != nil, r.GetResponseTrailers() != nil:
			text, _ := proto.Marshal(r)
			down = append(down, text...)
			ended = ended || r.GetResponseTrailers() != nil
		}
		piece := r.GetResponseBody().GetResponse().GetBodyMutation().GetStreamedResponse()
		down = append(down, piece.GetBody()...)
		ended = ended || piece.GetEndOfStream()
	}
	if bytes.Contains(down, []byte(planted)) {
		t.Fatalf("the value went down: %q", down)
	}
	if heads+refusals > 2 || heads > 1 || refusals > 1 {
		t.Fatalf("%d heads and %d refusals", heads, refusals)
	}
	if err == nil && len(left) != 0 {
		t.Fatal("ended cleanly before Envoy did")
	}
	if err == nil && !ended && !headAlone(got) {
		t.Fatalf("a clean end after %d messages and %d replies", said, len(got))
	}
	if code(err) == codes.Internal && err.Error() != exchange.ErrOrder.Error() {
		t.Fatalf("got %v", err)
	}
}

// isEmptyEnd: Envoy may repeat an end, and is given it back.
func isEmptyEnd(r *extprocv3.ProcessingResponse) bool {
	piece := r.GetResponseBody().GetResponse().GetBodyMutation().GetStreamedResponse()
	return piece != nil && len(piece.GetBody()) == 0
}

// headAlone tells whether the last thing said of the answer was its head: only a
// head without a body ends an exchange so, which Process has judged.
func headAlone(got []*extprocv3.ProcessingResponse) bool {
	for i := len(got) - 1; i >= 0; i-- {
		switch {
		case got[i].GetResponseHeaders() != nil:
			return true
		case got[i].GetRequestBody() == nil && got[i].GetRequestTrailers() == nil:
			return isEmptyEnd(got[i])
		}
	}
	return false
}
