// Package extproc is the adapter between Envoy's ext_proc filter and package
// exchange: it translates Envoy's messages into the steps of one exchange, and
// what the steps answer into replies.
//
// It promises that a stream ends without a gRPC error only after an exchange
// that is complete: to Envoy, a clean end means "let everything that follows
// pass". Envoy has no timer of its own where a body streams both ways, so a step
// that hangs, or a stream on which nothing is ever said, is ended here. It works only in the body modes in which it can mask: the response's
// body FULL_DUPLEX_STREAMED. It deliberately decides nothing and touches no
// value; who may open a stream at all is the listener's business.
package extproc

import (
	"errors"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"cloakroom/internal/exchange"
)

// Server answers Envoy's ext_proc filter.
type Server struct {
	extprocv3.UnimplementedExternalProcessorServer
	engine   *exchange.Engine
	logger   *slog.Logger
	crew     crew
	patience time.Duration
}

// stepLimit is how long a step, or the wait for a stream's first message, may
// last; a stream that exceeds it is ended before twice that time. Steps touch
// memory only, so one that is not over by then never will be.
const stepLimit = 5 * time.Second

// New returns a Server for an engine; the logger is told of panics. Both are
// required.
func New(engine *exchange.Engine, logger *slog.Logger) (*Server, error) {
	if engine == nil || logger == nil {
		return nil, errors.New("making ext_proc server: no engine or no logger")
	}
	return &Server{engine: engine, logger: logger, crew: crew{make(chan func())}, patience: stepLimit}, nil
}

// Process serves one stream, which is one exchange. The work is done beside it,
// so that it can end the stream when a step hangs, or a lease is revoked.
func (s *Server) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	c := &conversation{stream: stream, cutOff: make(chan struct{})}
	c.x = s.engine.Begin(c.revoked)
	done := make(chan error, 1)
	s.crew.do(func() { done <- s.converse(c) })
	tick := time.NewTicker(s.patience)
	defer tick.Stop()
	for last := uint64(waiting); ; {
		select {
		case err := <-done:
			return err
		case <-c.cutOff:
			return c.cutShort(done)
		case <-tick.C:
			now := c.beat.Load()
			if now == last && now%2 == working {
				c.cut(errHangs)
			}
			last = now
		}
	}
}

// converse receives, steps and sends until the stream or the exchange ends.
func (s *Server) converse(c *conversation) (err error) {
	defer func() {
		if recover() != nil { // what was passed to panic may quote the exchange
			s.logger.Error("an exchange panicked", "stack", string(debug.Stack()))
			err = status.Error(codes.Internal, "the exchange panicked")
		}
		c.end(err)
	}()
	for {
		msg, err := c.stream.Recv()
		// Envoy ends a finished stream by half-closing or by cancelling it.
		if errors.Is(err, io.EOF) || status.Code(err) == codes.Canceled {
			return c.closed()
		}
		if err != nil {
			return err
		}
		for _, part := range c.parts(msg) {
			if err := c.answer(part); err != nil {
				return err
			}
		}
	}
}

// answer steps through a message and sends the replies to it.
func (c *conversation) answer(msg *extprocv3.ProcessingRequest) error {
	c.stepping.Lock()
	defer c.stepping.Unlock()
	replies, err := c.attempt(msg)
	if err != nil {
		r := c.x.Instead(err)
		if r == nil {
			return refusal(err)
		}
		replies = c.refuse(r)
	}
	if why := c.cutBy.Load(); why != nil {
		c.lastWords(*why)
		return *why
	}
	return c.send(replies)
}

func (c *conversation) send(replies replies) error {
	for _, r := range replies {
		err := c.stream.Send(r)
		if status.Code(err) == codes.Canceled && c.x.Complete() { // an answer to what came behind the end
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// closed answers Envoy's end of the stream.
func (c *conversation) closed() error {
	c.stepping.Lock()
	defer c.stepping.Unlock()
	if c.x.Complete() {
		return nil
	}
	if why := c.cutBy.Load(); why != nil {
		return *why
	}
	return status.Error(codes.Aborted, "the stream ended before the exchange did")
}

// end ends the exchange.
func (c *conversation) end(err error) {
	c.stepping.Lock()
	defer c.stepping.Unlock()
	c.x.End(err)
	give(c.out)
}

// refusal is the gRPC error for a step that went wrong. Its text reaches
// Envoy's logs, so it is one of the fixed texts of this package and of package
// exchange, and never quotes the exchange.
func refusal(err error) error {
	for _, known := range []error{exchange.ErrOrder, exchange.ErrBody, exchange.ErrLate, exchange.ErrRecord, errBodyMode, errObserve, errMessage, errHeader} {
		if errors.Is(err, known) {
			return status.Error(codes.FailedPrecondition, known.Error())
		}
	}
	return status.Error(codes.Internal, "the exchange cannot go on")
}
