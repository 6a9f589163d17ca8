package extproc

import (
	"errors"

	modev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"cloakroom/internal/exchange"
)

// What Envoy's configuration must be like; anything else would let bytes pass
// unseen, so it ends the stream.
var (
	errBodyMode = errors.New("ext_proc needs response_body_mode FULL_DUPLEX_STREAMED: `cloakroom envoy bootstrap` prints a configuration that works")
	errObserve  = errors.New("ext_proc must not run in observability mode: nothing would be substituted or masked")
	errMessage  = errors.New("a message of a kind that this version does not know")
)

// conversation is one stream: Envoy's messages on one side, an exchange on the
// other. It has one method for each kind of message.
type conversation struct {
	x           *exchange.Exchange
	spoken      bool                               // the first message was seen
	requestBody modev3.ProcessingMode_BodySendMode // as Envoy says it is set
	out         []byte                             // the response's body, on its way down
}

type replies = []*extprocv3.ProcessingResponse

func (c *conversation) step(msg *extprocv3.ProcessingRequest) (replies, error) {
	if err := c.greet(msg); err != nil {
		return nil, err
	}
	switch m := msg.GetRequest().(type) {
	case *extprocv3.ProcessingRequest_RequestHeaders:
		return c.requestHeaders(msg, m.RequestHeaders)
	case *extprocv3.ProcessingRequest_RequestBody:
		return c.passBody(m.RequestBody), nil
	case *extprocv3.ProcessingRequest_RequestTrailers:
		return replies{requestTrailersReply()}, nil
	case *extprocv3.ProcessingRequest_ResponseHeaders:
		return c.responseHeaders(m.ResponseHeaders)
	case *extprocv3.ProcessingRequest_ResponseBody:
		return c.responseBody(m.ResponseBody)
	case *extprocv3.ProcessingRequest_ResponseTrailers:
		return c.responseTrailers(m.ResponseTrailers)
	}
	return nil, errMessage
}

// greet checks, at the first message, how Envoy's filter is set.
func (c *conversation) greet(msg *extprocv3.ProcessingRequest) error {
	if msg.GetObservabilityMode() {
		return errObserve
	}
	if c.spoken {
		return nil
	}
	c.spoken = true
	config := msg.GetProtocolConfig()
	if config.GetResponseBodyMode() != modev3.ProcessingMode_FULL_DUPLEX_STREAMED {
		return errBodyMode
	}
	c.requestBody = config.GetRequestBodyMode()
	return nil
}

func (c *conversation) requestHeaders(msg *extprocv3.ProcessingRequest, m *extprocv3.HttpHeaders) (replies, error) {
	change, refused, err := c.x.RequestHead(requestHead(msg, m))
	if err != nil {
		return nil, err
	}
	if refused != nil {
		return replies{immediateReply(refused)}, nil
	}
	return replies{requestHeadersReply(change)}, nil
}

// passBody gives a piece of a request's body back as it came: no placeholder
// counts in a body, so all of it is inert text.
func (c *conversation) passBody(m *extprocv3.HttpBody) replies {
	if c.requestBody == modev3.ProcessingMode_FULL_DUPLEX_STREAMED {
		return replies{requestBodyReply(m.GetBody(), m.GetEndOfStream())}
	}
	return replies{unchangedRequestBodyReply()}
}

func (c *conversation) responseHeaders(m *extprocv3.HttpHeaders) (replies, error) {
	status, lines := responseLines(m)
	change, refused, err := c.x.ResponseHead(exchange.ResponseHead{
		Status: status, Headers: lines, End: m.GetEndOfStream(),
	})
	if err != nil {
		return nil, err
	}
	if refused != nil {
		return replies{immediateReply(refused)}, nil
	}
	return replies{responseHeadersReply(change)}, nil
}

func (c *conversation) responseBody(m *extprocv3.HttpBody) (replies, error) {
	out, err := c.x.ResponseBody(c.out[:0], m.GetBody(), m.GetEndOfStream())
	c.out = out
	if err != nil {
		return nil, err
	}
	return bodyReplies(out, m.GetEndOfStream()), nil
}

func (c *conversation) responseTrailers(m *extprocv3.HttpTrailers) (replies, error) {
	out, change, err := c.x.ResponseTrailers(c.out[:0], headerLines(m.GetTrailers()))
	if err != nil {
		return nil, err
	}
	return append(bodyReplies(out, false), responseTrailersReply(change)), nil
}
