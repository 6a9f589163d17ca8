package websocket

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"cloakroom/internal/replace"
)

const value = "value-Zk3vQ9x1LmT7rW2a"

// masks are of one value, whose mask is "<ticket>".
func masks(t testing.TB) *replace.Set {
	t.Helper()
	set, err := replace.Compile([]replace.Secret{{Name: "v", Value: []byte(value)}})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func rewriting(set *replace.Set) *Rewriting {
	return NewRewriting(set.NewRewriter(replace.None, func(string) string { return "<ticket>" }),
		set.NewFiller(replace.None), filled(set.NewFiller(replace.None)))
}

// filled rewrites control frames.
func filled(r *replace.Rewriter) Control {
	return func(_ string, payload []byte) []byte { return r.Append(nil, payload, true) }
}

// message is a message, or a control frame, as its receiver gets it.
type message struct {
	op   opcode
	text string
}

func (m message) String() string { return fmt.Sprintf("%x:%q", byte(m.op), m.text) }

// read takes whole bytes apart as RFC 6455, 5.2, writes it down, slowly: control
// frames come before the message that they interrupt. ok is false where an end
// of the connection would have to fail; the messages are those before that.
func read(b []byte, client bool) (all []message, ok bool) {
	var open *message
	var text []byte // of the message that is open
	for len(b) > 0 {
		if len(b) < 2 || b[0]&0x70 != 0 || (b[1] >= 0x80) != client {
			return all, false
		}
		op, final := opcode(b[0]&0xf), b[0] >= 0x80
		length, rest, ok := readLength(b)
		if !ok || client && len(rest) < 4 {
			return all, false
		}
		key := make([]byte, 4)
		if client {
			key, rest = rest[:4], rest[4:]
		}
		if uint64(len(rest)) < length {
			return all, false
		}
		payload := bytes.Clone(rest[:length])
		for i := range payload {
			payload[i] ^= key[i%4]
		}
		b = rest[length:]
		switch {
		case op == 8 || op == 9 || op == 10:
			if !final || length > 125 {
				return all, false
			}
			all = append(all, message{op, string(payload)})
			if op == 8 {
				return all, len(b) == 0
			}
			continue
		case op == 0 && open != nil:
			text = append(text, payload...)
		case (op == 1 || op == 2) && open == nil:
			open, text = &message{op: op}, payload
		default:
			return all, false
		}
		if final {
			all, open = append(all, message{open.op, string(text)}), nil
		}
	}
	return all, true
}

func readLength(b []byte) (length uint64, rest []byte, ok bool) {
	length, rest = uint64(b[1]&0x7f), b[2:]
	switch {
	case length == 126 && len(rest) >= 2:
		length, rest = uint64(binary.BigEndian.Uint16(rest)), rest[2:]
		return length, rest, length > 125
	case length == 127 && len(rest) >= 8:
		length, rest = binary.BigEndian.Uint64(rest), rest[8:]
		return length, rest, length > 0xffff && length < 1<<63
	}
	return length, rest, length < 126
}

// want is what becomes of messages.
func want(in []message) []message {
	out := make([]message, len(in))
	for i, m := range in {
		mask := strings.Repeat("*", len(value))
		if m.op == textFrame {
			mask = "<ticket>"
		}
		out[i] = message{m.op, strings.ReplaceAll(m.text, value, mask)}
	}
	return out
}

// frame is one frame, masked with key if there is one.
func frame(final bool, op opcode, payload string, key ...byte) string {
	h := head{final: final, op: op, length: uint64(len(payload)), masked: len(key) == 4}
	copy(h.key[:], key)
	b := []byte(payload)
	xor(b, h.key, 0)
	return string(appendHead(nil, h)) + string(b)
}

// appender is either of the two stages.
type appender interface {
	Append(dst, src []byte, last bool) ([]byte, error)
}

// feed gives s in pieces whose sizes cuts lists over and over.
func feed(a appender, s string, cuts []byte) (out string, err error) {
	var dst []byte
	for i := 0; ; i++ {
		n := len(s)
		if len(cuts) > 0 {
			n = min(n, int(cuts[i%len(cuts)]))
		}
		last := n == len(s)
		if !last && n == 0 && i > 4*len(cuts) && strings.Trim(string(cuts), "\x00") == "" {
			n, last = len(s), true // nothing but zeros
		}
		piece := []byte(s[:n])
		if dst, err = a.Append(dst, piece, last); err != nil {
			return string(dst), err
		}
		clear(piece) // nothing of it may be kept by reference
		if s = s[n:]; last {
			return string(dst), nil
		}
	}
}
