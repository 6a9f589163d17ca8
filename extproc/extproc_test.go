package extproc

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"strings"
	"testing"

	modev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"cloakroom/internal/access"
	"cloakroom/internal/exchange"
)

// serve says msgs to a new stream, which then ends with end (nil: io.EOF).
func (w *world) serve(end error, msgs ...*extprocv3.ProcessingRequest) ([]*extprocv3.ProcessingResponse, error) {
	s := &stream{say: msgs, end: end}
	err := w.server.Process(s)
	return s.got, err
}

// body joins what of the response's body went to Envoy.
func body(got []*extprocv3.ProcessingResponse) string {
	var b strings.Builder
	for _, r := range got {
		b.Write(r.GetResponseBody().GetResponse().GetBodyMutation().GetStreamedResponse().GetBody())
	}
	return b.String()
}

func ends(got []*extprocv3.ProcessingResponse) (n int) {
	for _, r := range got {
		if r.GetResponseBody().GetResponse().GetBodyMutation().GetStreamedResponse().GetEndOfStream() {
			n++
		}
	}
	return n
}

func TestAnExchange(t *testing.T) {
	w := newWorld(t)
	got, err := w.serve(nil, w.request(t), responseHead(false, "x-echo", "a "+planted, "x-echo", "b", "etag", `"1"`),
		responseBody(`{"key":"`+planted[:9], false), responseBody(planted[9:]+`"}`, false), responseBody("", true))
	if err != nil {
		t.Fatal(err)
	}
	up := got[0].GetRequestHeaders().GetResponse().GetHeaderMutation()
	lines := map[string]string{}
	for _, o := range up.GetSetHeaders() {
		lines[o.GetHeader().GetKey()] = string(o.GetHeader().GetRawValue())
	}
	if lines["authorization"] != "Bearer "+planted || lines["accept-encoding"] != "identity" || len(lines) != 2 {
		t.Errorf("set %v", lines)
	}
	if !strings.Contains(strings.Join(up.GetRemoveHeaders(), " "), "x-envoy-foo") {
		t.Errorf("removed %v", up.GetRemoveHeaders())
	}
	down := got[1].GetResponseHeaders().GetResponse().GetHeaderMutation()
	if len(down.GetSetHeaders()) != 2 || string(down.GetSetHeaders()[0].GetHeader().GetRawValue()) != "a "+placeholder() {
		t.Errorf("answer's head %v", down)
	}
	if want := `{"key":"` + placeholder() + `"}`; body(got) != want || ends(got) != 1 {
		t.Errorf("body %q with %d ends, want %q", body(got), ends(got), want)
	}
	if len(w.entries) != 1 || w.entries[0].End.Error != "" || w.entries[0].End.Masks[0].N != 2 {
		t.Errorf("entries %+v", w.entries)
	}
}

func TestFirstLineOverwritesAndOthersAreAdded(t *testing.T) {
	m, err := mutation(exchange.Change{Path: "/p", Remove: []string{"range"}, Set: []access.Header{
		{Name: "cookie", Value: "a"}, {Name: "x", Value: "1"}, {Name: "cookie", Value: "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range m.GetSetHeaders() {
		line := o.GetHeader().GetKey() + "=" + string(o.GetHeader().GetRawValue()) + " " + o.GetAppendAction().String()
		//lint:ignore SA1019 the field that Envoy reads
		if o.GetAppend().GetValue() {
			line += " append"
		}
		got = append(got, line)
		if o.GetHeader().GetValue() != "" {
			t.Errorf("%s: value is set beside raw_value", line)
		}
	}
	want := []string{":path=/p OVERWRITE_IF_EXISTS_OR_ADD", "cookie=a OVERWRITE_IF_EXISTS_OR_ADD",
		"x=1 OVERWRITE_IF_EXISTS_OR_ADD", "cookie=b APPEND_IF_EXISTS_OR_ADD append"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHeadersThatEnvoyAloneWrites(t *testing.T) {
	for _, name := range []string{"host", ":authority", ":method", ":path", ":scheme", ":status", "content-length",
		"transfer-encoding", "connection", "upgrade"} {
		if _, err := mutation(exchange.Change{Set: []access.Header{{Name: name, Value: "x"}}}); !errors.Is(err, errHeader) {
			t.Errorf("setting %q: %v", name, err)
		}
		if _, err := mutation(exchange.Change{Remove: []string{name}}); !errors.Is(err, errHeader) {
			t.Errorf("removing %q: %v", name, err)
		}
	}
	w := newWorld(t)
	if got, err := w.serve(nil, w.request(t), responseHead(false, "connection", planted)); code(err) != codes.FailedPrecondition || len(got) != 1 {
		t.Errorf("a value where nothing can be changed: %v and %d replies", err, len(got))
	}
}

func code(err error) codes.Code { return status.Code(err) }

// TestEveryKindOfMessageIsAnswered asks the protocol itself which kinds there
// are, so that a new one fails here and not in front of Envoy.
func TestEveryKindOfMessageIsAnswered(t *testing.T) {
	before := map[string][]*extprocv3.ProcessingRequest{
		"request_headers":   {},
		"request_body":      {nil},
		"request_trailers":  {nil},
		"response_headers":  {nil},
		"response_body":     {nil, responseHead(false)},
		"response_trailers": {nil, responseHead(false)},
	}
	fields := (&extprocv3.ProcessingRequest{}).ProtoReflect().Descriptor().Oneofs().ByName("request").Fields()
	for i := range fields.Len() {
		kind := fields.Get(i)
		t.Run(string(kind.Name()), func(t *testing.T) {
			msgs, known := before[string(kind.Name())]
			if !known {
				t.Fatal("a kind that this test, and so perhaps the code, does not know")
			}
			w := newWorld(t)
			var say []*extprocv3.ProcessingRequest
			for _, m := range msgs {
				if m == nil {
					m = w.request(t)
				}
				say = append(say, m)
			}
			asked := len(say)
			m := w.request(t)
			if kind.Name() != "request_headers" {
				m.Request = nil
				m.ProtoReflect().Set(kind, protoreflect.ValueOfMessage(m.ProtoReflect().NewField(kind).Message()))
			}
			got, _ := w.serve(nil, append(say, m)...)
			answers := map[string]string{"response_body": ""} // an empty piece needs no reply
			if want, quiet := answers[string(kind.Name())]; quiet && want == "" {
				return
			}
			if len(got) != asked+1 {
				t.Fatalf("%d replies to %d messages", len(got), asked+1)
			}
			last := got[asked].ProtoReflect()
			if reply := last.WhichOneof(last.Descriptor().Oneofs().ByName("response")); reply == nil || reply.Name() != kind.Name() {
				t.Errorf("answered with %v", reply)
			}
		})
	}
}

func TestWhatClosesTheStream(t *testing.T) {
	w := newWorld(t)
	canceled := status.Error(codes.Canceled, "context canceled")
	head, whole := responseHead(false), responseBody("x", true)
	observed, streamed, none, unset := w.request(t), w.request(t), w.request(t), w.request(t)
	observed.ObservabilityMode = true
	streamed.ProtocolConfig = protocol(modev3.ProcessingMode_NONE, modev3.ProcessingMode_STREAMED)
	none.ProtocolConfig = protocol(modev3.ProcessingMode_NONE, modev3.ProcessingMode_NONE)
	unset.ProtocolConfig = nil
	local := responseHead(false)
	local.ProtocolConfig = protocol(modev3.ProcessingMode_NONE, modev3.ProcessingMode_FULL_DUPLEX_STREAMED)
	kindless := w.request(t)
	kindless.Request = nil
	type msgs = []*extprocv3.ProcessingRequest
	tests := []struct {
		name string
		end  error
		say  msgs
		want codes.Code
	}{
		{"nothing said", nil, nil, codes.Aborted},
		{"observability mode", nil, msgs{observed}, codes.FailedPrecondition},
		{"another body mode", nil, msgs{streamed}, codes.FailedPrecondition},
		{"no body", nil, msgs{none}, codes.FailedPrecondition},
		{"a body mode that Envoy does not tell", nil, msgs{unset}, codes.FailedPrecondition},
		{"a kind that is unknown", nil, msgs{kindless}, codes.FailedPrecondition},
		{"ends after the request", nil, msgs{w.request(t)}, codes.Aborted},
		{"canceled after the request", canceled, msgs{w.request(t)}, codes.Aborted},
		{"ends after the answer's head", nil, msgs{w.request(t), head}, codes.Aborted},
		{"ends in the body", canceled, msgs{w.request(t), head, responseBody("x", false)}, codes.Aborted},
		{"breaks", status.Error(codes.Unavailable, "gone"), msgs{w.request(t), head, whole}, codes.Unavailable},
		{"a second request", nil, msgs{w.request(t), w.request(t)}, codes.FailedPrecondition},
		{"a second answer", nil, msgs{w.request(t), head, head}, codes.FailedPrecondition},
		{"a body before any head", nil, msgs{local, whole, responseBody("y", false)}, codes.FailedPrecondition},
		{"trailers behind the end", nil, msgs{w.request(t), head, whole, responseTrailers()}, codes.FailedPrecondition},
		{"a request's body before its head", nil, msgs{local, requestBody("x", false)}, codes.FailedPrecondition},
		{"a request's trailers before its head", nil, msgs{local, requestTrailers()}, codes.FailedPrecondition},

		{"complete, ended", nil, msgs{w.request(t), head, whole}, codes.OK},
		{"complete, canceled", canceled, msgs{w.request(t), head, whole}, codes.OK},
		{"a head alone", canceled, msgs{w.request(t), responseHead(true)}, codes.OK},
		{"trailers end it", nil, msgs{w.request(t), head, responseBody("x", false), responseTrailers("a", "b")}, codes.OK},
		{"the end twice", nil, msgs{w.request(t), head, whole, responseBody("", true)}, codes.OK},
		{"a local reply", nil, msgs{local, responseBody("no", true)}, codes.OK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := w.serve(tt.end, tt.say...); code(err) != tt.want {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestALocalReplyIsMasked(t *testing.T) {
	w := newWorld(t)
	first := responseHead(false, "x", planted)
	first.ProtocolConfig = protocol(modev3.ProcessingMode_NONE, modev3.ProcessingMode_FULL_DUPLEX_STREAMED)
	got, err := w.serve(nil, first, responseBody("a "+planted, true))
	if err != nil || body(got) != "a [masked]" {
		t.Errorf("%q, %v", body(got), err)
	}
	if line := got[0].GetResponseHeaders().GetResponse().GetHeaderMutation().GetSetHeaders()[0].GetHeader(); string(line.GetRawValue()) != "[masked]" {
		t.Errorf("header %v", line)
	}
}

func TestARefusal(t *testing.T) {
	w := newWorld(t)
	stolen := w.request(t)
	stolen.MetadataContext = nil
	// the response's messages were under way already
	got, err := w.serve(nil, stolen, requestBody("x", true), responseBody("y", false), responseTrailers())
	if err != nil || len(got) != 1 {
		t.Fatalf("%v, %d replies", err, len(got))
	}
	r := got[0].GetImmediateResponse()
	if r.GetStatus().GetCode() != 403 || r.GetDetails() != "cloakroom_not_granted" || !strings.Contains(string(r.GetBody()), `"code":"not_granted"`) {
		t.Errorf("got %v", r)
	}
	if h := r.GetHeaders().GetSetHeaders(); len(h) != 1 || string(h[0].GetHeader().GetRawValue()) != "application/json" {
		t.Errorf("headers %v", h)
	}
}

// TestMetadataOfAnotherFilter: what stands elsewhere is no grant.
func TestMetadataOfAnotherFilter(t *testing.T) {
	w := newWorld(t)
	m := w.request(t)
	filters := m.MetadataContext.FilterMetadata
	filters["envoy.filters.http.lua"] = filters[metadata]
	delete(filters, metadata)
	if got, _ := w.serve(nil, m); got[0].GetImmediateResponse() == nil {
		t.Errorf("got %v", got[0])
	}
}

func TestLongBodiesGoInPieces(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("0123456789abcdef", 100_000) // 1.6 MB in one message
	got, err := w.serve(nil, w.request(t), responseHead(false), responseBody(long, true))
	if err != nil || body(got) != long || ends(got) != 1 || len(got) < 5 {
		t.Errorf("%v: %d bytes in %d replies with %d ends", err, len(body(got)), len(got), ends(got))
	}
	for _, r := range got {
		if size := proto.Size(r); size > pieceSize+1024 {
			t.Errorf("a message of %d bytes", size)
		}
	}
	if !got[len(got)-1].GetResponseBody().GetResponse().GetBodyMutation().GetStreamedResponse().GetEndOfStream() {
		t.Error("the end is not in the last message")
	}
}

// TestCodedBodiesGoPartByPart: what a part became is on its way before the next
// is decoded.
func TestCodedBodiesGoPartByPart(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	for i := range 200_000 {
		fmt.Fprintf(z, "%x and so on", i*i)
	}
	z.Write([]byte(planted))
	z.Close()
	if zipped.Len() < 3*partSize {
		t.Fatalf("%d bytes are no long piece", zipped.Len())
	}
	for _, length := range []string{"", fmt.Sprint(zipped.Len())} {
		w := newWorld(t)
		got, err := w.serve(nil, w.request(t), responseHead(false, "content-encoding", "gzip", "content-length", length),
			responseBody(zipped.String(), length == ""), responseBody("", true))
		if err != nil || !strings.HasSuffix(body(got), "so on"+placeholder()) || ends(got) != 1 && length != "" {
			t.Errorf("%v: %d bytes with %d ends", err, len(body(got)), ends(got))
		}
		for _, r := range got[2 : len(got)-1] {
			if size := proto.Size(r); size > 200*partSize || size == 0 {
				t.Errorf("a message of %d bytes", size)
			}
		}
		if len(got) < 2+zipped.Len()/partSize {
			t.Errorf("%d replies", len(got))
		}
	}
}

// TestBrokenCodedBodies: a refusal is sent as long as nothing of the body was.
func TestBrokenCodedBodies(t *testing.T) {
	w := newWorld(t)
	got, err := w.serve(nil, w.request(t), responseHead(false, "content-encoding", "gzip"),
		responseBody("", false), responseBody(planted, false), responseBody("under way", true))
	if last := got[len(got)-1].GetImmediateResponse(); err != nil || last.GetStatus().GetCode() != 403 || len(got) != 3 {
		t.Errorf("%v, and %d replies: %v", err, len(got), last)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(bytes.Repeat([]byte("some text "), 10_000))
	z.Flush()
	got, err = w.serve(nil, w.request(t), responseHead(false, "content-encoding", "gzip"),
		responseBody(zipped.String(), false), responseBody(planted, false))
	if code(err) != codes.FailedPrecondition || len(got) != 3 || strings.Contains(body(got), planted) {
		t.Errorf("%v, and %d replies", err, len(got))
	}
}

func TestARequestsBodyGoesAsItCame(t *testing.T) {
	w := newWorld(t)
	m := w.request(t)
	m.ProtocolConfig.RequestBodyMode = modev3.ProcessingMode_FULL_DUPLEX_STREAMED
	got, _ := w.serve(nil, m, requestBody("a "+placeholder(), true))
	piece := got[1].GetRequestBody().GetResponse().GetBodyMutation().GetStreamedResponse()
	if string(piece.GetBody()) != "a "+placeholder() || !piece.GetEndOfStream() {
		t.Errorf("got %v", piece)
	}
	got, _ = w.serve(nil, w.request(t), requestBody("a", true))
	if got[1].GetRequestBody() == nil || got[1].GetRequestBody().GetResponse() != nil {
		t.Errorf("got %v", got[1])
	}
}
