package extproc

import (
	"slices"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
)

// partSize bounds how much of a coded body is stepped through at once, in bytes.
// What it becomes is sent before more is decoded, so that what is held is some
// hundred times this, and not some hundred times a message.
const partSize = 16 << 10

// parts are the messages to step through in the place of one that Envoy sent:
// itself, or the parts of a long piece of a coded body.
func (c *conversation) parts(msg *extprocv3.ProcessingRequest) []*extprocv3.ProcessingRequest {
	m := msg.GetResponseBody()
	if !c.x.Decodes() || len(m.GetBody()) <= partSize {
		return []*extprocv3.ProcessingRequest{msg}
	}
	var parts []*extprocv3.ProcessingRequest
	for piece := range slices.Chunk(m.GetBody(), partSize) {
		body := &extprocv3.HttpBody{Body: piece}
		parts = append(parts, &extprocv3.ProcessingRequest{
			ObservabilityMode: msg.GetObservabilityMode(),
			Request:           &extprocv3.ProcessingRequest_ResponseBody{ResponseBody: body}})
	}
	parts[len(parts)-1].GetResponseBody().EndOfStream = m.GetEndOfStream()
	return parts
}
