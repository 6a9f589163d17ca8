package extproc

import (
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
)

// lending is a Server whose streams lend what they receive.
type lending struct{ *Server }

func (l lending) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	return l.Server.Process(&loan{ExternalProcessor_ProcessServer: stream})
}

// loan is a stream of which each message holds until the next is asked for: the
// memory of its body is then used again.
type loan struct {
	extprocv3.ExternalProcessor_ProcessServer
	last received
}

// received is a message as the codec reads it.
type received struct {
	message *extprocv3.ProcessingRequest
	buffer  mem.Buffer // in which the body's piece stands
}

func (l *loan) Recv() (*extprocv3.ProcessingRequest, error) {
	if l.last.buffer != nil {
		l.last.buffer.Free()
		l.last = received{}
	}
	if err := l.RecvMsg(&l.last); err != nil {
		return nil, err
	}
	return l.last.message, nil
}

// Register makes s answer for the ext_proc service of a gRPC server that has
// the codec of this package.
func (s *Server) Register(to grpc.ServiceRegistrar) {
	extprocv3.RegisterExternalProcessorServer(to, lending{s})
}
