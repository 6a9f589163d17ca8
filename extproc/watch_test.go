package extproc

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// TestAStepThatHangsEndsTheStream: the leases never answer. The stream ends
// with an error all the same, and nothing is sent when they do at last.
func TestAStepThatHangsEndsTheStream(t *testing.T) {
	w := newWorld(t)
	w.server.patience = time.Millisecond
	release := make(chan struct{})
	w.noted = make(chan struct{})
	w.live = func() bool { <-release; return true }
	s := &stream{say: []*extprocv3.ProcessingRequest{w.request(t)}}
	if err := w.server.Process(s); code(err) != codes.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
	close(release)
	<-w.noted // the step ended on its own, after the stream
	if len(s.got) != 0 {
		t.Errorf("%d replies were sent into an ended stream", len(s.got))
	}
}

// TestAStreamOnWhichNothingIsSaidEnds: Envoy opened it and then said nothing.
func TestAStreamOnWhichNothingIsSaidEnds(t *testing.T) {
	w := newWorld(t)
	w.server.patience = time.Millisecond
	hang := make(chan struct{})
	defer close(hang)
	if err := w.server.Process(&stream{hang: hang}); code(err) != codes.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
}

// TestAQuietStreamStays: between two messages Envoy may take all its time.
func TestAQuietStreamStays(t *testing.T) {
	w := newWorld(t)
	w.server.patience = time.Millisecond
	hang, done := make(chan struct{}), make(chan error, 1)
	s := &stream{hang: hang, say: []*extprocv3.ProcessingRequest{w.request(t), responseHead(false), responseBody("x", false)}}
	go func() { done <- w.server.Process(s) }()
	select {
	case err := <-done:
		t.Errorf("ended: %v", err)
	case <-time.After(50 * time.Millisecond): // many times its patience
	}
	close(hang)
	<-done
}

// TestATunnelEndsWithItsLease: the stream ends with an error, and the log is
// told why.
func TestATunnelEndsWithItsLease(t *testing.T) {
	w := newWorld(t)
	w.done, w.noted = make(chan struct{}), make(chan struct{})
	ask := w.request(t)
	asked := ask.GetRequestHeaders().GetHeaders()
	asked.Headers = append(asked.Headers, rawLine("upgrade", "websocket"))
	switched := responseHead(false, "upgrade", "websocket")
	switched.GetResponseHeaders().GetHeaders().Headers[0] = rawLine(":status", "101")
	hang, done := make(chan struct{}), make(chan error, 1)
	s := &stream{hang: hang, say: []*extprocv3.ProcessingRequest{ask, switched, responseBody("\x81\x01x", false)}}
	go func() { done <- w.server.Process(s) }()
	select {
	case err := <-done:
		t.Errorf("ended before its lease: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(w.done)
	if err := <-done; code(err) != codes.PermissionDenied {
		t.Errorf("got %v", err)
	}
	close(hang) // as gRPC does for a stream whose handler has returned
	<-w.noted
	if e := w.entries[0].End; e.Status != 101 || e.Error != errLease.Error() {
		t.Errorf("recorded %+v", e)
	}
}

// TestAPanicEndsTheStream, and not the service.
func TestAPanicEndsTheStream(t *testing.T) {
	w := newWorld(t)
	w.live = func() bool { panic(errors.New(planted)) }
	got, err := w.serve(nil, w.request(t))
	if code(err) != codes.Internal || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
	if len(w.entries) != 1 {
		t.Errorf("%d entries", len(w.entries))
	}
}

// TestThroughGRPC: what hangs in one stream leaves the connection and its other
// streams alone.
func TestThroughGRPC(t *testing.T) {
	w := newWorld(t)
	w.server.patience = 50 * time.Millisecond
	release, entered := make(chan struct{}), make(chan struct{})
	var hung atomic.Bool
	w.live = func() bool {
		if hung.CompareAndSwap(false, true) {
			close(entered)
			<-release
		}
		return true
	}
	l := bufconn.Listen(1 << 20)
	server := grpc.NewServer(grpc.ForceServerCodecV2(Codec()))
	w.server.Register(server)
	go server.Serve(l)
	defer server.Stop()
	conn, err := grpc.NewClient("passthrough:x", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := extprocv3.NewExternalProcessorClient(conn)
	open := func(msgs ...*extprocv3.ProcessingRequest) extprocv3.ExternalProcessor_ProcessClient {
		t.Helper()
		s, err := client.Process(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range msgs {
			if err := s.Send(m); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	stuck := open(w.request(t))
	<-entered
	if _, err := stuck.Recv(); code(err) != codes.DeadlineExceeded {
		t.Errorf("the stream that hangs: %v", err)
	}
	close(release)
	if r, err := open(w.request(t)).Recv(); err != nil || r.GetRequestHeaders() == nil {
		t.Errorf("the stream beside it: %v, %v", r, err)
	}
}
