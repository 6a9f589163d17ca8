package exchange

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"cloakroom/internal/access"
)

func isWebSocket(upgrade string) bool {
	return strings.EqualFold(strings.TrimSpace(upgrade), "websocket")
}

// switched refuses a switch of protocols that nobody asked for, or one to
// frames that cannot be read.
func (x *Exchange) switched(h ResponseHead) *access.Refusal {
	for _, line := range h.Headers {
		if line.Name == "sec-websocket-extensions" {
			return x.refuse(access.Denied, "", "the backend negotiated an extension of WebSocket that nobody asked for")
		}
	}
	if !x.upgrade || !isWebSocket(firstHeader(h.Headers, "upgrade")) {
		return x.refuse(access.Denied, "", "the backend switched protocols, and nobody asked it to")
	}
	return nil
}

// answerKey answers the client's key (RFC 6455, 4.2.2) where the backend did not:
// on HTTP/2 none does (RFC 8441), and an agent on HTTP/1.1 waits for it.
func (x *Exchange) answerKey(h ResponseHead, change *Change) {
	const accept = "sec-websocket-accept"
	if x.socketKey == "" || firstHeader(h.Headers, accept) != "" {
		return
	}
	sum := sha1.Sum([]byte(x.socketKey + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	change.Set = append(change.Set, access.Header{Name: accept, Value: base64.StdEncoding.EncodeToString(sum[:])})
}

// frameStage is a stage of package websocket: bytes that are no frames are a
// body that is not what its head says.
type frameStage struct{ stage }

func (s frameStage) Append(dst, src []byte, last bool) ([]byte, error) {
	dst, err := s.stage.Append(dst, src, last)
	if err != nil {
		return dst, fmt.Errorf("%w: %w", ErrBody, err)
	}
	return dst, nil
}

// sendFrames is RequestBody for a WebSocket in whose first message a value may
// stand. Before the backend has agreed there are no frames.
func (x *Exchange) sendFrames(dst, chunk []byte, end bool) ([]byte, error) {
	if x.first == nil {
		if len(chunk) > 0 {
			return dst, ErrOrder
		}
		return dst, nil
	}
	before := len(dst)
	dst, err := x.first.Append(dst, chunk, end)
	var r *access.Refusal
	if errors.As(err, &r) {
		err = ErrLate // nothing could take the answer's place any more
	}
	if err != nil {
		return dst[:before], err
	}
	return dst, nil
}

// LivesUnder returns the channels that are closed as the leases end that a tunnel
// lives under; it must then be cut. What is no tunnel has none.
func (x *Exchange) LivesUnder() []<-chan struct{} {
	if x.phase != answered || x.socket == nil {
		return nil
	}
	var ends []<-chan struct{}
	for _, id := range x.leases {
		ends = append(ends, x.deps.Leases.Done(id))
	}
	return ends
}
