package exchange

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"cloakroom/internal/access"
	"cloakroom/internal/replace"
	"cloakroom/internal/websocket"
)

// socket is what an exchange knows of the WebSocket that it asks for, and of the
// one that it has become.
type socket struct {
	asked bool                 // by the request
	key   string               // of the request, which wants it answered; empty: it does not
	down  *websocket.Rewriting // what the backend sends goes through; nil: there is no WebSocket
	up    stage                // what the client sends goes through; nil: it goes as it is
	// fill puts values in the client's first text message. An error ends the
	// exchange. Nil: no value can stand there.
	fill func(message []byte) ([]byte, error)
}

// closed tells whether the backend has sent a close frame, behind which nothing
// may come.
func (s *socket) closed() bool { return s.down != nil && s.down.Closed() }

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
	if !x.socket.asked || !isWebSocket(firstHeader(h.Headers, "upgrade")) {
		return x.refuse(access.Denied, "", "the backend switched protocols, and nobody asked it to")
	}
	return nil
}

// answerKey answers the client's key (RFC 6455, 4.2.2) where the backend did not:
// on HTTP/2 none does (RFC 8441), and an agent on HTTP/1.1 waits for it.
func (x *Exchange) answerKey(h ResponseHead, change *Change) {
	const accept = "sec-websocket-accept"
	if x.socket.key == "" || firstHeader(h.Headers, accept) != "" {
		return
	}
	sum := sha1.Sum([]byte(x.socket.key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	change.Set = append(change.Set, access.Header{Name: accept, Value: base64.StdEncoding.EncodeToString(sum[:])})
}

// openSocket makes the exchange a WebSocket.
func (x *Exchange) openSocket() stage {
	x.socket.down = websocket.NewRewriting(x.messages(x.label(replace.None), false), x.messages(x.filler(), true), x.controls(x.filler()))
	if x.socket.fill != nil {
		x.socket.up = websocket.NewFirst(x.socket.fill)
	}
	return framed{x.socket.down}
}

// framed is the stage for what the backend sends: bytes that are no frames are a
// body that is not what its head says.
type framed struct{ *websocket.Rewriting }

func (f framed) Append(dst, src []byte, last bool) ([]byte, error) {
	dst, err := f.Rewriting.Append(dst, src, last)
	if err != nil {
		return dst, fmt.Errorf("%w: %w", ErrBody, err)
	}
	return dst, nil
}

// sendFrames is RequestBody for a WebSocket in whose first message a value may
// stand. Before the backend has agreed there are no frames.
func (x *Exchange) sendFrames(dst, chunk []byte, end bool) ([]byte, error) {
	if x.socket.up == nil {
		if len(chunk) > 0 {
			return dst, ErrOrder
		}
		return dst, nil
	}
	before := len(dst)
	dst, err := x.socket.up.Append(dst, chunk, end)
	var r *access.Refusal
	switch {
	case errors.As(err, &r):
		err = x.late(r)
	case err != nil:
		x.entry.detail = err.Error()
	}
	if err != nil {
		return dst[:before], err
	}
	return dst, nil
}
