package extproc

import (
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
)

// partSize bounds how much of a coded body is stepped through at once, in bytes.
// What it becomes is sent before more is decoded, so that what is held is some
// hundred times this, and not some hundred times a message.
const partSize = 16 << 10

// parts are the messages to step through in the place of one that Envoy sent:
// itself, or the parts of a long piece of a coded body.
func (c *conversation) parts(msg *extprocv3.ProcessingRequest) []*extprocv3.ProcessingRequest {
	switch m := msg.GetRequest().(type) {
	case *extprocv3.ProcessingRequest_RequestBody:
		if c.x.DecodesUp() {
			return partsOf(msg, m.RequestBody, func(part *extprocv3.ProcessingRequest, b *extprocv3.HttpBody) {
				part.Request = &extprocv3.ProcessingRequest_RequestBody{RequestBody: b}
			})
		}
	case *extprocv3.ProcessingRequest_ResponseBody:
		if c.x.Decodes() {
			return partsOf(msg, m.ResponseBody, func(part *extprocv3.ProcessingRequest, b *extprocv3.HttpBody) {
				part.Request = &extprocv3.ProcessingRequest_ResponseBody{ResponseBody: b}
			})
		}
	}
	return []*extprocv3.ProcessingRequest{msg}
}

// partsOf makes messages of the parts of m, the body in msg; put puts one in.
func partsOf(msg *extprocv3.ProcessingRequest, m *extprocv3.HttpBody,
	put func(*extprocv3.ProcessingRequest, *extprocv3.HttpBody)) []*extprocv3.ProcessingRequest {
	if len(m.GetBody()) <= partSize {
		return []*extprocv3.ProcessingRequest{msg}
	}
	var parts []*extprocv3.ProcessingRequest
	rest := m.GetBody()
	for len(rest) > 0 {
		n := min(len(rest), partSize)
		part := &extprocv3.ProcessingRequest{ObservabilityMode: msg.GetObservabilityMode()}
		put(part, &extprocv3.HttpBody{Body: rest[:n], EndOfStream: n == len(rest) && m.GetEndOfStream()})
		parts, rest = append(parts, part), rest[n:]
	}
	return parts
}
