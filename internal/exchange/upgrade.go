package exchange

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"strings"

	"cloakroom/internal/access"
	"cloakroom/internal/replace"
	"cloakroom/internal/websocket"
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
// over HTTP/2 it sees none (RFC 8441), and an agent on HTTP/1.1 waits for one.
func (x *Exchange) answerKey(h ResponseHead, change *Change) {
	const accept = "sec-websocket-accept"
	if x.socketKey == "" || firstHeader(h.Headers, accept) != "" {
		return
	}
	sum := sha1.Sum([]byte(x.socketKey + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	change.Set = append(change.Set, access.Header{Name: accept, Value: base64.StdEncoding.EncodeToString(sum[:])})
}

// openBody makes ready for the response's body: what takes it apart, and how it
// is masked. Where its parts are counted elsewhere, masks are of equal length.
func (x *Exchange) openBody(h ResponseHead) {
	contentType := firstHeader(h.Headers, "content-type")
	switch {
	case h.Status == 101:
		x.socket = websocket.NewRewriting(x.label(replace.None), x.filler(), x.filler())
		x.down = frameStage{x.socket}
		if x.fillMessage != nil {
			x.first = frameStage{websocket.NewFirst(x.fillMessage)}
		}
	case isGRPC(contentType):
		x.down = &messages{inside: masking{x.filler()}}
	default:
		x.down = masking{x.label(replace.FlushFor(contentType))}
	}
}

// label is a new rewriter whose masks tell what they hide, filler one whose
// masks are of equal length.
func (x *Exchange) label(f replace.Flush) *replace.Rewriter {
	return x.counted(x.snap.masks.NewRewriter(f, x.mask))
}

func (x *Exchange) filler() *replace.Rewriter {
	return x.counted(x.snap.masks.NewFiller(replace.None))
}

func (x *Exchange) counted(r *replace.Rewriter) *replace.Rewriter {
	x.rewriters = append(x.rewriters, r)
	return r
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

// RequestBody passes on a piece of the request's body and appends it to dst; end
// tells that no more follows. No placeholder counts in a body but in the first
// text message of a WebSocket, so all else is inert text.
func (x *Exchange) RequestBody(dst, chunk []byte, end bool) ([]byte, error) {
	switch {
	case x.phase == begun:
		return dst, ErrOrder
	case x.phase == refused:
		return dst, nil
	case x.upgrade && x.fillMessage != nil:
		return x.sendFrames(dst, chunk, end)
	}
	return append(dst, chunk...), nil
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
	if err != nil {
		return dst[:before], err
	}
	return dst, nil
}

// Tunnelled returns, once the exchange has become a tunnel, the channels that
// are closed as the leases that it lives under end. The tunnel must then be cut.
func (x *Exchange) Tunnelled() []<-chan struct{} {
	if x.phase != answered || x.entry.status != 101 {
		return nil
	}
	var ends []<-chan struct{}
	for _, id := range x.leases {
		ends = append(ends, x.deps.Leases.Done(id))
	}
	return ends
}
