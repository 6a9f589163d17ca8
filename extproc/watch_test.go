package extproc

import (
	"errors"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/codes"
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
