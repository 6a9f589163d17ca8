package extproc

import (
	"errors"
	"sync/atomic"

	modev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"cloakroom/internal/access"
	"cloakroom/internal/exchange"
)

// What Envoy's configuration must be like; anything else would let bytes pass
// unseen, so it ends the stream.
var (
	errBodyMode = errors.New("ext_proc needs response_body_mode FULL_DUPLEX_STREAMED: `cloakroom envoy bootstrap` prints a configuration that works")
	errObserve  = errors.New("ext_proc must not run in observability mode: nothing would be substituted or masked")
	errHeader   = errors.New("a header that Envoy alone may write would have to be changed")
	errMessage  = errors.New("a message of a kind that this version does not know")
)

// conversation is one stream: Envoy's messages on one side, an exchange on the
// other. It has one method for each kind of message.
type conversation struct {
	stream      extprocv3.ExternalProcessor_ProcessServer
	x           *exchange.Exchange
	spoken      bool                               // the first message was seen
	asked       bool                               // the request's head went up
	refused     bool                               // a refusal was sent: nothing is to follow
	requestBody modev3.ProcessingMode_BodySendMode // as Envoy says it is set
	out         []byte                             // the response's body, on its way down
	missing     int64                              // of the response's body as declared; negative: unknown

	// beat grows with every step: it is even while something must happen (a
	// step, the first message), odd while Envoy is waited for.
	beat   atomic.Uint64
	cutBy  atomic.Pointer[error] // why the stream was ended from beside it
	cutOff chan struct{}         // closed once it was
}

// The parity of a conversation's beat.
const (
	stepping = 0
	waiting  = 1
)

type replies = []*extprocv3.ProcessingResponse

// attempt is a step that is seen to be under way.
func (c *conversation) attempt(msg *extprocv3.ProcessingRequest) (replies, error) {
	if c.spoken {
		c.beat.Add(1)
	}
	rs, err := c.step(msg)
	c.beat.Add(1)
	return rs, err
}

func (c *conversation) step(msg *extprocv3.ProcessingRequest) (replies, error) {
	if err := c.greet(msg); err != nil {
		return nil, err
	}
	if c.refused { // what was under way when the refusal was sent
		return nil, nil
	}
	switch m := msg.GetRequest().(type) {
	case *extprocv3.ProcessingRequest_RequestHeaders:
		return c.requestHeaders(msg, m.RequestHeaders)
	case *extprocv3.ProcessingRequest_RequestBody:
		return c.passBody(m.RequestBody)
	case *extprocv3.ProcessingRequest_RequestTrailers:
		return c.passTrailers()
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

func (c *conversation) requestHeaders(msg *extprocv3.ProcessingRequest, h *extprocv3.HttpHeaders) (replies, error) {
	change, refused, err := c.x.RequestHead(requestHead(msg, h))
	if err != nil {
		return nil, err
	}
	if refused != nil {
		return c.refuse(refused), nil
	}
	c.asked = true
	m, err := mutation(change)
	return replies{requestHeadersReply(m)}, err
}

func (c *conversation) refuse(r *access.Refusal) replies {
	c.refused = true
	return replies{immediateReply(r)}
}

// passBody gives on a piece of a request's body. In other modes than the one
// that Envoy is meant to have nothing could be put in, so nothing is.
func (c *conversation) passBody(m *extprocv3.HttpBody) (replies, error) {
	if !c.asked {
		return nil, exchange.ErrOrder
	}
	if c.requestBody != modev3.ProcessingMode_FULL_DUPLEX_STREAMED {
		return replies{unchangedRequestBodyReply()}, nil
	}
	out, err := c.x.RequestBody(nil, m.GetBody(), m.GetEndOfStream())
	if err != nil || len(out) == 0 && !m.GetEndOfStream() {
		return nil, err
	}
	return replies{requestBodyReply(out, m.GetEndOfStream())}, nil
}

func (c *conversation) passTrailers() (replies, error) {
	if !c.asked {
		return nil, exchange.ErrOrder
	}
	return replies{requestTrailersReply()}, nil
}

func (c *conversation) responseHeaders(h *extprocv3.HttpHeaders) (replies, error) {
	status, lines := responseLines(h)
	c.missing = declaredLength(lines)
	change, refused, err := c.x.ResponseHead(exchange.ResponseHead{
		Status: status, Headers: lines, End: h.GetEndOfStream(),
	})
	if err != nil {
		return nil, err
	}
	if refused != nil {
		return c.refuse(refused), nil
	}
	c.watch(c.x.LivesUnder())
	m, err := mutation(change)
	return replies{responseHeadersReply(m)}, err
}

// watch cuts the stream as soon as one of the leases ends.
func (c *conversation) watch(leases []<-chan struct{}) {
	for _, ended := range leases {
		go func() {
			select {
			case <-ended:
				c.cut(errLease)
			case <-c.stream.Context().Done():
			}
		}()
	}
}

// cut ends the stream from beside it, for the first reason that is given.
func (c *conversation) cut(why error) {
	if c.cutBy.CompareAndSwap(nil, &why) {
		close(c.cutOff)
	}
}

// responseBody keeps the last declared byte's piece until the end, which Envoy
// tells in a message of its own right behind: one answer to both spares Envoy,
// the client and this process a third of the messages of a small response.
func (c *conversation) responseBody(m *extprocv3.HttpBody) (replies, error) {
	out, err := c.x.ResponseBody(room(c.out, len(m.GetBody())), m.GetBody(), m.GetEndOfStream())
	c.out = out
	if err != nil {
		return nil, err
	}
	c.missing -= int64(len(m.GetBody()))
	if c.missing == 0 && !m.GetEndOfStream() && len(out) <= pieceSize {
		return nil, nil
	}
	c.out = out[:0]
	return bodyReplies(out, m.GetEndOfStream()), nil
}

func (c *conversation) responseTrailers(m *extprocv3.HttpTrailers) (replies, error) {
	out, change, err := c.x.ResponseTrailers(c.out, headerLines(m.GetTrailers()))
	if err != nil {
		return nil, err
	}
	mutated, err := mutation(change)
	return append(bodyReplies(out, false), responseTrailersReply(mutated)), err
}
