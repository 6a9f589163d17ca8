package extproc

import (
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec below
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Codec returns a gRPC codec for a server that serves this package. It is gRPC's
// own but for one thing: Envoy repeats the request's metadata in every message
// of a stream, and only with the request's headers is it read.
func Codec() encoding.CodecV2 { return codec{encoding.GetCodecV2("proto")} }

type codec struct{ encoding.CodecV2 }

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*extprocv3.ProcessingRequest)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	b := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer b.Free()
	return unmarshal(b.ReadOnlyData(), m)
}

// The numbers of ProcessingRequest's fields.
const (
	requestHeadersField = 2
	metadataField       = 8
	attributesField     = 9
)

// unmarshal leaves metadata and attributes out of a message without a request's
// headers. Parts of a message that are read one after the other are merged, by
// protobuf's definition, as if they were read at once.
func unmarshal(b []byte, m *extprocv3.ProcessingRequest) error {
	var parts [4][]byte
	kept := parts[:0]
	from := 0
	for at := 0; at < len(b); {
		number, kind, head := protowire.ConsumeTag(b[at:])
		if head < 0 || number == requestHeadersField {
			return proto.Unmarshal(b, m)
		}
		body := protowire.ConsumeFieldValue(number, kind, b[at+head:])
		if body < 0 {
			return proto.Unmarshal(b, m) // which says what is wrong
		}
		next := at + head + body
		if number == metadataField || number == attributesField {
			kept = append(kept, b[from:at])
			from = next
		}
		at = next
	}
	proto.Reset(m)
	for _, part := range append(kept, b[from:]) {
		if err := (proto.UnmarshalOptions{Merge: true}).Unmarshal(part, m); err != nil {
			return err
		}
	}
	return nil
}
