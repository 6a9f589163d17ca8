package extproc

import (
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"cloakroom/internal/access"
	"cloakroom/internal/exchange"
)

// pieceSize bounds one message of a body, in bytes: masks can be
// longer than what they hide, and gRPC messages have limits.
const pieceSize = 512 << 10

func requestHeadersReply(m *extprocv3.HeaderMutation) *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestHeaders{
		RequestHeaders: &extprocv3.HeadersResponse{Response: &extprocv3.CommonResponse{HeaderMutation: m}},
	}}
}

func responseHeadersReply(m *extprocv3.HeaderMutation) *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseHeaders{
		ResponseHeaders: &extprocv3.HeadersResponse{Response: &extprocv3.CommonResponse{HeaderMutation: m}},
	}}
}

func responseTrailersReply(m *extprocv3.HeaderMutation) *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseTrailers{
		ResponseTrailers: &extprocv3.TrailersResponse{HeaderMutation: m},
	}}
}

func requestTrailersReply() *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestTrailers{
		RequestTrailers: &extprocv3.TrailersResponse{},
	}}
}

func unchangedRequestBodyReply() *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestBody{
		RequestBody: &extprocv3.BodyResponse{},
	}}
}

func requestBodyReply(body []byte, end bool) *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestBody{
		RequestBody: &extprocv3.BodyResponse{Response: streamed(body, end)},
	}}
}

// bodyReplies gives a body back in pieces, each made by reply; with end, the last
// says so, even if it is empty. Nothing to say is no message at all.
func bodyReplies(body []byte, end bool, reply func([]byte, bool) *extprocv3.ProcessingResponse) replies {
	var rs replies
	for len(body) > pieceSize {
		rs = append(rs, reply(body[:pieceSize], false))
		body = body[pieceSize:]
	}
	if len(body) > 0 || end {
		rs = append(rs, reply(body, end))
	}
	return rs
}

func responseBodyReply(body []byte, end bool) *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseBody{
		ResponseBody: &extprocv3.BodyResponse{Response: streamed(body, end)},
	}}
}

func streamed(body []byte, end bool) *extprocv3.CommonResponse {
	return &extprocv3.CommonResponse{BodyMutation: &extprocv3.BodyMutation{
		Mutation: &extprocv3.BodyMutation_StreamedResponse{
			StreamedResponse: &extprocv3.StreamedBodyResponse{Body: body, EndOfStream: end},
		},
	}}
}

// mutation writes a change as Envoy applies it: it removes first and sets
// afterwards. Envoy leaves the length of a body to us. The first line of a name overwrites all that were there, and the
// others are added to it. Envoy reads "add" only from the older append field:
// APPEND_IF_EXISTS_OR_ADD is the enum's zero, which it takes for unset.
func mutation(change exchange.Change) (*extprocv3.HeaderMutation, error) {
	for _, line := range change.Set {
		if envoyAlone(line.Name) {
			return nil, errHeader
		}
	}
	if slices.ContainsFunc(change.Remove, envoyAlone) {
		return nil, errHeader
	}
	m := &extprocv3.HeaderMutation{RemoveHeaders: change.Remove}
	if !change.KeepsLength {
		m.RemoveHeaders = append(m.RemoveHeaders, "content-length")
	}
	if change.Path != "" {
		m.SetHeaders = append(m.SetHeaders, overwrite(":path", change.Path))
	}
	for i, line := range change.Set {
		first := !slices.ContainsFunc(change.Set[:i], func(h access.Header) bool { return h.Name == line.Name })
		if first {
			m.RemoveHeaders = append(m.RemoveHeaders, line.Name)
			m.SetHeaders = append(m.SetHeaders, overwrite(line.Name, line.Value))
			continue
		}
		//lint:ignore SA1019 Envoy 1.40 takes the newer field's value for "add" for unset
		added := &corev3.HeaderValueOption{Header: rawLine(line.Name, line.Value), Append: wrapperspb.Bool(true)}
		m.SetHeaders = append(m.SetHeaders, added)
	}
	return m, nil
}

// envoyAlone tells of headers that say where a message goes or where it ends.
// Envoy would take some changes of them and refuse others; none is ever right.
func envoyAlone(name string) bool {
	switch name {
	case "host", "content-length", "transfer-encoding", "connection", "upgrade":
		return true
	}
	return strings.HasPrefix(name, ":")
}

func overwrite(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{Header: rawLine(name, value),
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD}
}

func rawLine(name, value string) *corev3.HeaderValue {
	return &corev3.HeaderValue{Key: name, RawValue: []byte(value)}
}

// immediateReply puts a refusal in the place of the backend's answer.
func immediateReply(r *access.Refusal) *extprocv3.ProcessingResponse {
	status, lines, body := r.Answer()
	var headers []*corev3.HeaderValueOption
	for _, line := range lines {
		headers = append(headers, overwrite(line.Name, line.Value))
	}
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ImmediateResponse{
		ImmediateResponse: &extprocv3.ImmediateResponse{
			Status:  &typev3.HttpStatus{Code: typev3.StatusCode(status)},
			Headers: &extprocv3.HeaderMutation{SetHeaders: headers},
			Body:    body,
			Details: "cloakroom_" + string(r.Code),
		},
	}}
}
