package extproc

import (
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Why a stream is ended from beside it.
var (
	// errHangs: nothing happened where something must.
	errHangs = status.Error(codes.DeadlineExceeded, "the exchange does not go on")
	// errLease ends a tunnel.
	errLease   = status.Error(codes.PermissionDenied, "a lease has ended that the tunnel lived under")
	errRevoked = status.Error(codes.PermissionDenied, "a lease was revoked that the exchange lived under")
)

// cut ends the stream from beside it, for the first reason that is given.
func (c *conversation) cut(why error) {
	if c.cutBy.CompareAndSwap(nil, &why) {
		close(c.cutOff)
	}
}

func (c *conversation) revoked() { c.cut(errRevoked) }

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

// wordsWait is how long a stream that was cut waits for the step that is under way to
// tell the client why.
const wordsWait = 500 * time.Millisecond

// cutShort ends a stream that was cut: with an error, and before it, where a lease
// was revoked and the client has heard nothing yet, with a refusal. A step that is
// under way is not waited for long: it may be what hangs, or wait for a client that
// does not read. done tells that the conversation is over.
func (c *conversation) cutShort(done <-chan error) error {
	why := *c.cutBy.Load()
	switch {
	case why != errRevoked:
	case c.stepping.TryLock():
		defer c.stepping.Unlock()
		c.lastWords(why)
	default:
		select {
		case <-done:
		case <-time.After(wordsWait):
		}
	}
	return why
}

// lastWords tell the client that a lease was revoked, where it has heard nothing yet.
func (c *conversation) lastWords(why error) {
	if why != errRevoked {
		return
	}
	if r := c.x.Revoked(); r != nil {
		_ = c.send(c.refuse(r)) // else the error says it
	}
}
