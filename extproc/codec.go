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
// own but for what it does with the messages of a stream: Envoy repeats the
// request's metadata in every one, which is read only with the request's
// headers; and a piece of a body stays where gRPC has put it.
func Codec() encoding.CodecV2 { return codec{encoding.GetCodecV2("proto")} }

type codec struct{ encoding.CodecV2 }

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(*extprocv3.ProcessingResponse)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	b := buffers.Get(proto.Size(m))
	if _, err := (proto.MarshalOptions{UseCachedSize: true}).MarshalAppend((*b)[:0], m); err != nil {
		buffers.Put(b)
		return nil, err
	}
	return mem.BufferSlice{mem.NewBuffer(b, buffers)}, nil
}

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	in, ok := v.(*received)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	in.buffer = data.MaterializeToBuffer(buffers)
	in.message = new(extprocv3.ProcessingRequest)
	return unmarshal(in.buffer.ReadOnlyData(), in.message)
}

// The numbers of ProcessingRequest's fields, and of HttpBody's.
const (
	requestHeadersField = 2
	requestBodyField    = 4
	responseBodyField   = 5
	metadataField       = 8
	attributesField     = 9

	bodyField = 1
)

// unmarshal leaves metadata and attributes out of a message without a request's
// headers, and what it reads of a body's piece is part of b. Parts of a message
// that are read one after the other are merged, by protobuf's definition, as if
// they were read at once.
func unmarshal(b []byte, m *extprocv3.ProcessingRequest) error {
	proto.Reset(m)
	from := 0
	for at := 0; at < len(b); {
		number, kind, head := protowire.ConsumeTag(b[at:])
		if head < 0 || number == requestHeadersField {
			return proto.Unmarshal(b, m)
		}
		length := protowire.ConsumeFieldValue(number, kind, b[at+head:])
		if length < 0 {
			return proto.Unmarshal(b, m) // which says what is wrong
		}
		next := at + head + length
		if special(number, kind) {
			if err := merge(b[from:at], m); err != nil {
				return err
			}
			if body := bodyOf(m, number); body != nil {
				text, _ := protowire.ConsumeBytes(b[at+head : next])
				if err := unmarshalBody(text, body); err != nil {
					return err
				}
			}
			from = next
		}
		at = next
	}
	return merge(b[from:], m)
}

// special tells of fields that are not read as all others are.
func special(number protowire.Number, kind protowire.Type) bool {
	switch number {
	case requestBodyField, responseBodyField, metadataField, attributesField:
		return kind == protowire.BytesType
	}
	return false
}

// bodyOf returns the body's piece that a field of m holds, which m has from now
// on; nil if the field holds none.
func bodyOf(m *extprocv3.ProcessingRequest, number protowire.Number) *extprocv3.HttpBody {
	switch number {
	case requestBodyField:
		if m.GetRequestBody() == nil {
			m.Request = &extprocv3.ProcessingRequest_RequestBody{RequestBody: new(extprocv3.HttpBody)}
		}
		return m.GetRequestBody()
	case responseBodyField:
		if m.GetResponseBody() == nil {
			m.Request = &extprocv3.ProcessingRequest_ResponseBody{ResponseBody: new(extprocv3.HttpBody)}
		}
		return m.GetResponseBody()
	}
	return nil
}

// unmarshalBody reads a body's piece without a copy of its bytes.
func unmarshalBody(b []byte, m *extprocv3.HttpBody) error {
	from := 0
	for at := 0; at < len(b); {
		number, kind, head := protowire.ConsumeTag(b[at:])
		if head < 0 {
			break // the rest says what is wrong
		}
		length := protowire.ConsumeFieldValue(number, kind, b[at+head:])
		if length < 0 {
			break
		}
		next := at + head + length
		if number == bodyField && kind == protowire.BytesType {
			if err := merge(b[from:at], m); err != nil {
				return err
			}
			m.Body, _ = protowire.ConsumeBytes(b[at+head : next])
			from = next
		}
		at = next
	}
	return merge(b[from:], m)
}

func merge(b []byte, m proto.Message) error {
	if len(b) == 0 {
		return nil
	}
	return (proto.UnmarshalOptions{Merge: true}).Unmarshal(b, m)
}
