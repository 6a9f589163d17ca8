package extproc

import (
	"strings"
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/codes"

	"cloakroom/internal/access"
)

// revoked serves what Envoy says, then revokes the lease while Envoy says no
// more. It returns what the stream ended with.
func (w *world) revoked(t *testing.T, s *stream) error {
	t.Helper()
	w.revoke, w.noted = make(chan func(), 1), make(chan struct{})
	said, silent := make(chan struct{}), make(chan struct{})
	s.last, s.hang = said, silent
	done := make(chan error, 1)
	go func() { done <- w.server.Process(s) }()
	cut := <-w.revoke
	<-said
	cut()
	cut() // a second lease
	err := <-done
	close(silent) // as gRPC does for a stream whose handler has returned
	<-w.noted
	return err
}

// TestARevokeCutsAnAnswer that has begun: the stream ends with an error, at which
// Envoy resets both sides.
func TestARevokeCutsAnAnswer(t *testing.T) {
	w := newWorld(t)
	s := &stream{say: []*extprocv3.ProcessingRequest{w.request(t), responseHead(false), responseBody("x\n", false)}}
	if err := w.revoked(t, s); code(err) != codes.PermissionDenied {
		t.Errorf("got %v", err)
	}
	if e := w.entries[0].End; e.Status != 200 || !strings.Contains(e.Error, "a lease was revoked") {
		t.Errorf("recorded %+v", e)
	}
}

// TestARevokeBeforeTheAnswer refuses the request, with the words that a client
// can read, and ends the stream all the same.
func TestARevokeBeforeTheAnswer(t *testing.T) {
	w := newWorld(t)
	s := &stream{say: []*extprocv3.ProcessingRequest{w.request(t)}}
	if err := w.revoked(t, s); code(err) != codes.PermissionDenied {
		t.Errorf("got %v", err)
	}
	if len(s.got) != 2 || !strings.Contains(string(s.got[1].GetImmediateResponse().GetBody()), "revoked") {
		t.Errorf("got %v", s.got)
	}
	if e := w.entries[0].End; e.Code != access.LeaseExpired || e.Error != "a lease was revoked" {
		t.Errorf("recorded %+v", e)
	}
}

// TestARevokeNeedsNoReader: Envoy takes nothing more, since the client does not
// read. The stream ends all the same.
func TestARevokeNeedsNoReader(t *testing.T) {
	w := newWorld(t)
	w.revoke, w.noted = make(chan func(), 1), make(chan struct{})
	s := &stream{say: []*extprocv3.ProcessingRequest{w.request(t)}, full: make(chan struct{}), taken: make(chan struct{})}
	done := make(chan error, 1)
	go func() { done <- w.server.Process(s) }()
	cut := <-w.revoke
	<-s.full
	cut()
	if err := <-done; code(err) != codes.PermissionDenied {
		t.Errorf("got %v", err)
	}
	close(s.taken)
	<-w.noted
}

// TestARevokeInTheMiddleOfAStep lets nothing of it go, and says why.
func TestARevokeInTheMiddleOfAStep(t *testing.T) {
	w := newWorld(t)
	w.noted, w.atOnce = make(chan struct{}), true
	s := &stream{say: []*extprocv3.ProcessingRequest{w.request(t), responseHead(true)}}
	if err := w.server.Process(s); code(err) != codes.PermissionDenied {
		t.Errorf("got %v", err)
	}
	if <-w.noted; len(s.got) != 1 || !strings.Contains(string(s.got[0].GetImmediateResponse().GetBody()), "revoked") {
		t.Errorf("got %v", s.got)
	}
}
