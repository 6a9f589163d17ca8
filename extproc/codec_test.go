package extproc

import (
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
