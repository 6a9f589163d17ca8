package extproc

import (
	"errors"
	"sync"
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
	stream   extprocv3.ExternalProcessor_ProcessServer
	x        *exchange.Exchange
	spoken   bool                               // the first message was seen
	asked    bool                               // the request's head went up
	refused  bool                               // a refusal was sent: nothing is to follow
	bodyMode modev3.ProcessingMode_BodySendMode // of requests, as Envoy says it is set
	head     replies                            // to the request's headers, held back until its body was judged
	up       []byte                             // the request's body, on its way up
	owed     int64                              // of the request's body, where it keeps its length; negative: it does not
	out      []byte                             // the response's body, on its way down
	missing  int64                              // of the response's body as declared; negative: unknown

	stepping sync.Mutex // held while a step is under way, and while what it gave is sent

	// beat grows with every step: it is even while something must happen (a
	// step, the first message), odd while Envoy is waited for.
	beat   atomic.Uint64
	cutBy  atomic.Pointer[error] // why the stream was ended from beside it
	cutOff chan struct{}         // closed once it was
}

// The parity of a conversation's beat.
const (
	working = 0
	waiting = 1
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
		return c.requestBody(m.RequestBody)
	case *extprocv3.ProcessingRequest_RequestTrailers:
		return c.requestTrailers()
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
	c.bodyMode = config.GetRequestBodyMode()
	return nil
}

func (c *conversation) requestHeaders(msg *extprocv3.ProcessingRequest, h *extprocv3.HttpHeaders) (replies, error) {
	head := requestHead(msg, h)
	head.Body = !h.GetEndOfStream() && c.bodyMode == modev3.ProcessingMode_FULL_DUPLEX_STREAMED
	change, refused, err := c.x.RequestHead(head)
	if err != nil {
		return nil, err
	}
	if refused != nil {
		return c.refuse(refused), nil
	}
	c.asked, c.owed = true, -1
	if change.KeepsLength {
		c.owed = declaredLength(head.Headers)
	}
	m, err := mutation(change)
	c.head = replies{requestHeadersReply(m)}
	return c.release(), err
}

// release gives back what was held of the answer to the request's headers, once.
func (c *conversation) release() replies {
	if c.x.Held() {
		return nil
	}
	rs := c.head
	c.head = nil
	return rs
}

func (c *conversation) refuse(r *access.Refusal) replies {
	c.refused = true
	return replies{immediateReply(r)}
}

// requestBody gives a piece of a request's body back with values in their places.
// In another mode than the one in which it could, it passes as it came: there,
// what it holds is inert text.
func (c *conversation) requestBody(m *extprocv3.HttpBody) (replies, error) {
	if !c.asked {
		return nil, exchange.ErrOrder
	}
	if c.bodyMode != modev3.ProcessingMode_FULL_DUPLEX_STREAMED {
		return replies{unchangedRequestBodyReply()}, nil
	}
	return c.sendUp(m.GetBody(), m.GetEndOfStream(), m.GetEndOfStream())
}

// sendUp steps the exchange; last tells that no more of the body follows, end
// that no trailers do either.
func (c *conversation) sendUp(piece []byte, last, end bool) (replies, error) {
	up, refused, err := c.x.RequestBody(c.up, piece, last)
	c.up = up
	if err != nil {
		return nil, err
	}
	if refused != nil {
		return c.refuse(refused), nil
	}
	if c.x.Held() {
		return nil, nil
	}
	c.owed -= int64(len(piece))
	if c.owed == 0 && !last {
		return append(c.release(), bodyReplies(c.allButTheEnd(), false, requestBodyReply)...), nil
	}
	if c.up = up[:0]; cap(up) > 1<<largest { // it is rarely wanted again
		c.up = nil
	}
	return append(c.release(), bodyReplies(up, end, requestBodyReply)...), nil
}

// allButTheEnd is what may go up of a body that has all its declared bytes, and whose
// end Envoy has not told yet. The rest goes with that: a backend that has all bytes may
// answer, and Envoy must not hear an answer to a request that is open still.
func (c *conversation) allButTheEnd() []byte {
	n := len(c.up)
	if n <= pieceSize {
		return nil
	}
	most := c.up[:n-1]
	c.up = []byte{c.up[n-1]}
	return most
}

func (c *conversation) requestTrailers() (replies, error) {
	if !c.asked {
		return nil, exchange.ErrOrder
	}
	if c.bodyMode != modev3.ProcessingMode_FULL_DUPLEX_STREAMED {
		return replies{requestTrailersReply()}, nil
	}
	rs, err := c.sendUp(nil, true, false)
	if err != nil || c.refused {
		return rs, err
	}
	return append(rs, requestTrailersReply()), nil
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
	return bodyReplies(out, m.GetEndOfStream(), responseBodyReply), nil
}

func (c *conversation) responseTrailers(m *extprocv3.HttpTrailers) (replies, error) {
	out, change, err := c.x.ResponseTrailers(c.out, headerLines(m.GetTrailers()))
	if err != nil {
		return nil, err
	}
	mutated, err := mutation(change)
	return append(bodyReplies(out, false, responseBodyReply), responseTrailersReply(mutated)), err
}
