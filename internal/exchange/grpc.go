package exchange

import (
	"encoding/binary"
	"strings"
)

// prefixesMessages tells whether a body of that content type is length-prefixed
// messages: gRPC over HTTP/2, gRPC-Web in its binary form, or a stream of Connect;
// and the flags of the message that ends it, if that is one.
func prefixesMessages(contentType string) (ends byte, ok bool) {
	if mediaBegins(contentType, "application/connect+") {
		return connectEnd, true
	}
	return webTrailers, mediaBegins(contentType, "application/grpc") && !isGRPCWebText(contentType)
}

// isGRPCWebText tells of gRPC-Web in base64, of which each piece may be padded,
// so that a value is cut where no reader of base64 would look for it.
func isGRPCWebText(contentType string) bool {
	return mediaBegins(contentType, "application/grpc-web-text")
}

func mediaBegins(contentType, with string) bool {
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(contentType)), with)
}

// The flags of a message (gRPC over HTTP/2, "Length-Prefixed-Message"; gRPC-Web;
// the Connect protocol, "Enveloped-Message"). A compressed one has the lowest bit
// set.
const (
	plainMessage = 0x00
	webTrailers  = 0x80
	connectEnd   = 0x02
)

// messages is the stage for a body of length-prefixed messages. Each is a text
// of its own for the stage inside, which must give on as many bytes as it takes.
type messages struct {
	inside stage
	ends   byte    // flags of a message that is not plain, but no other than that
	prefix [5]byte // flags, length in big endian
	n      int     // bytes of it that have come
	left   uint32  // of the message behind the whole prefix
}

func (m *messages) Append(dst, src []byte, last bool) ([]byte, error) {
	var err error
	for len(src) > 0 {
		if m.n < len(m.prefix) {
			n := copy(m.prefix[m.n:], src)
			m.n += n
			src = src[n:]
			if dst, err = m.begin(dst); err != nil {
				return dst, err
			}
			continue
		}
		n := min(int(m.left), len(src))
		m.left -= uint32(n)
		if dst, err = m.inside.Append(dst, src[:n], m.left == 0); err != nil {
			return dst, err
		}
		src = src[n:]
		if m.left == 0 {
			m.n = 0
		}
	}
	if last && m.n > 0 {
		return dst, ErrBody
	}
	return dst, nil
}

// begin passes a whole prefix on.
func (m *messages) begin(dst []byte) ([]byte, error) {
	if flags := m.prefix[0]; flags != plainMessage && flags != m.ends {
		return dst, ErrBody
	}
	if m.n < len(m.prefix) {
		return dst, nil
	}
	if m.left = binary.BigEndian.Uint32(m.prefix[1:]); m.left == 0 {
		m.n = 0
	}
	return append(dst, m.prefix[:]...), nil
}
