package extproc

import (
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

// cutShort ends a stream that was cut: with an error, and before it, where a lease
// was revoked and the client has heard nothing yet, with a refusal. A step that is
// under way is not waited for: it may be what hangs, or wait for a client that does
// not read.
func (c *conversation) cutShort() error {
	why := *c.cutBy.Load()
	if why != errRevoked || !c.stepping.TryLock() {
		return why
	}
	defer c.stepping.Unlock()
	if r := c.x.Revoked(); r != nil {
		_ = c.send(c.refuse(r)) // else the error says it
	}
	return why
}
