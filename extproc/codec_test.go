package extproc

import (
	"bytes"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

func TestUnmarshalLeavesOnlyRepeatedMetadataOut(t *testing.T) {
	fields := &structpb.Struct{Fields: map[string]*structpb.Value{grantKey: structpb.NewStringValue("sealed")}}
	headers := &extprocv3.HttpHeaders{Headers: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "a", RawValue: []byte("b")}}}}
	for _, row := range []struct {
		name string
		in   *extprocv3.ProcessingRequest
		kept bool
	}{
		{"request headers", &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestHeaders{RequestHeaders: headers}}, true},
		{"response headers", &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseHeaders{ResponseHeaders: headers}}, false},
		{"response body", &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseBody{
			ResponseBody: &extprocv3.HttpBody{Body: []byte("body"), EndOfStream: true}}}, false},
		{"nothing", &extprocv3.ProcessingRequest{}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.in.ObservabilityMode = true // stands behind what is left out
			row.in.ProtocolConfig = &extprocv3.ProtocolConfiguration{ResponseBodyMode: 4}
			row.in.MetadataContext = &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{metadata: fields}}
			row.in.Attributes = map[string]*structpb.Struct{attributes: fields, "other": fields}
			text, err := proto.Marshal(row.in)
			if err != nil {
				t.Fatal(err)
			}
			if !row.kept {
				row.in.MetadataContext, row.in.Attributes = nil, nil
			}
			got := &extprocv3.ProcessingRequest{ObservabilityMode: true, Request: &extprocv3.ProcessingRequest_RequestBody{}}
			if err := unmarshal(text, got); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(got, row.in) {
				t.Errorf("got %v, want %v", got, row.in)
			}
			for cut := range text {
				want := proto.Unmarshal(text[:cut], new(extprocv3.ProcessingRequest))
				if err := unmarshal(text[:cut], got); err == nil && want != nil {
					t.Errorf("a message cut at %d is read, want %v", cut, want)
				}
			}
		})
	}
}

// TestUnmarshalMergesAsProtobufDoes reads messages whose parts came twice.
func TestUnmarshalMergesAsProtobufDoes(t *testing.T) {
	pieces := []*extprocv3.ProcessingRequest{
		responseBody("first", false), responseBody("", true), requestBody("up", true), responseHead(true, "a", "b"), responseTrailers("c", "d"),
	}
	for i, first := range pieces {
		for j, second := range pieces {
			a, errA := proto.Marshal(first)
			b, errB := proto.Marshal(second)
			want, got := new(extprocv3.ProcessingRequest), new(extprocv3.ProcessingRequest)
			text := append(a, b...)
			if errA != nil || errB != nil || proto.Unmarshal(text, want) != nil {
				t.Fatal("a message that protobuf does not take")
			}
			if err := unmarshal(text, got); err != nil || !proto.Equal(got, want) {
				t.Errorf("%d and %d: got %v and %v, want %v", i, j, got, err, want)
			}
		}
	}
}

func TestABodyStaysWhereItIs(t *testing.T) {
	text, err := proto.Marshal(responseBody("body", false))
	if err != nil {
		t.Fatal(err)
	}
	m := new(extprocv3.ProcessingRequest)
	if err := unmarshal(text, m); err != nil {
		t.Fatal(err)
	}
	text[bytes.Index(text, []byte("body"))] = 'B'
	if got := string(m.GetResponseBody().GetBody()); got != "Body" {
		t.Errorf("got %q", got)
	}
}

func TestPoolLendsWhatIsAskedFor(t *testing.T) {
	p := new(pool)
	for _, length := range []int{0, 1, 1 << 10, 1<<10 + 1, 70_000, 1 << 20, 1 << 21, 1<<21 + 1} {
		b := p.Get(length)
		if len(*b) != length {
			t.Errorf("got %d bytes, want %d", len(*b), length)
		}
		p.Put(b)
		odd := make([]byte, length, length+length/3)
		p.Put(&odd) // grown by its user
		if b = p.Get(length); len(*b) != length {
			t.Errorf("got %d bytes at the second time, want %d", len(*b), length)
		}
	}
}
