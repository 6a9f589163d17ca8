// Package extproc is the adapter between Envoy's ext_proc filter and package
// exchange: it translates Envoy's messages into the steps of one exchange, and
// what the steps answer into replies.
//
// It promises that a stream ends without a gRPC error only after an exchange
// that is complete: to Envoy, a clean end means "let everything that follows
// pass". It works only in the body modes in which it can mask: the response's
// body FULL_DUPLEX_STREAMED. It deliberately decides nothing and touches no
// value; who may open a stream at all is the listener's business.
package extproc

import (
	"errors"
	"io"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"cloakroom/internal/exchange"
)

// Server answers Envoy's ext_proc filter.
type Server struct {
	extprocv3.UnimplementedExternalProcessorServer
	engine *exchange.Engine
}

// New returns a Server for an engine, which is required.
func New(engine *exchange.Engine) (*Server, error) {
	if engine == nil {
		return nil, errors.New("making ext_proc server: no engine")
	}
	return &Server{engine: engine}, nil
}

// Register makes s answer for a gRPC server's ext_proc service.
func (s *Server) Register(to grpc.ServiceRegistrar) { extprocv3.RegisterExternalProcessorServer(to, s) }

// Process serves one stream, which is one exchange: receive, step, send.
func (s *Server) Process(stream extprocv3.ExternalProcessor_ProcessServer) (err error) {
	c := &conversation{x: s.engine.Begin()}
	defer func() { c.x.End(err) }()
	for {
		msg, err := stream.Recv()
		// Envoy ends a finished stream by half-closing or by cancelling it.
		if errors.Is(err, io.EOF) || status.Code(err) == codes.Canceled {
			return c.closed()
		}
		if err != nil {
			return err
		}
		replies, err := c.step(msg)
		if err != nil {
			return refusal(err)
		}
		for _, r := range replies {
			if err := stream.Send(r); err != nil {
				return err
			}
		}
	}
}

// closed answers Envoy's end of the stream.
func (c *conversation) closed() error {
	if !c.x.Complete() {
		return status.Error(codes.Aborted, "the stream ended before the exchange did")
	}
	return nil
}

// refusal is the gRPC error for a step that went wrong. Its text reaches
// Envoy's logs, so it is one of the fixed texts of this package and of package
// exchange, and never quotes the exchange.
func refusal(err error) error {
	for _, known := range []error{exchange.ErrOrder, errBodyMode, errObserve, errMessage} {
		if errors.Is(err, known) {
			return status.Error(codes.FailedPrecondition, known.Error())
		}
	}
	return status.Error(codes.Internal, "the exchange cannot go on")
}
