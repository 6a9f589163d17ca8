package recording

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
)

// wiredLine is a line of a part. It is a part's first, a piece of an event that
// stands before it (Of), the tape's end, or an event.
type wiredLine struct {
	V        int       `json:"v"`
	Exchange string    `json:"exchange"`
	Part     int       `json:"part"`
	Began    time.Time `json:"began"`
	Bodies   Keep      `json:"bodies"`

	Of *int `json:"of"`

	At        int64          `json:"at"`
	Kind      Kind           `json:"kind"`
	Method    text           `json:"method"`
	Authority text           `json:"authority"`
	Path      text           `json:"path"`
	Status    int            `json:"status"`
	Headers   [][2]text      `json:"headers"`
	Data      int            `json:"data"` // bytes that stand behind the line
	Binary    bool           `json:"binary"`
	More      bool           `json:"more"`
	Masked    map[string]int `json:"masked"`
	Sent      *wiredSum      `json:"sent"`
	Got       *wiredSum      `json:"got"`
}

type wiredSum struct {
	Bytes  int64       `json:"bytes"`
	Kept   int64       `json:"kept"`
	SHA256 record.Hash `json:"sha256"`
}

func (s *wiredSum) sum() Sum {
	if s == nil {
		return Sum{}
	}
	return Sum(*s)
}

// text is what appendText appended.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '[' {
		return json.Unmarshal(b, (*string)(t))
	}
	var list [1][]byte
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	*t = text(list[0])
	return nil
}

var errLine = errors.New("a line that cannot be")

// Parse makes a transcript of the parts of a recording as they are unsealed.
func Parse(exchange string, parts [][]byte) (Transcript, error) {
	p := &parser{}
	for i, plain := range parts {
		if err := p.part(exchange, plain); err != nil {
			return Transcript{}, fmt.Errorf("reading part %d of a recording: %w", i, err)
		}
	}
	return p.t, nil
}

// parser makes a transcript of a tape's parts, in their order.
type parser struct {
	t     Transcript
	parts int
}

// part reads one part.
func (p *parser) part(exchange string, plain []byte) error {
	first := true
	for len(plain) > 0 {
		raw, rest, whole := bytes.Cut(plain, []byte("\n"))
		if !whole {
			return errLine
		}
		plain = rest
		var l wiredLine
		if err := json.Unmarshal(raw, &l); err != nil {
			return fmt.Errorf("%w: %w", errLine, err)
		}
		data, err := p.data(&plain, l.Data)
		if err != nil {
			return err
		}
		if first {
			if len(data) > 0 || l.V != 1 || l.Exchange != exchange || l.Part != p.parts {
				return errors.New("it is not the part that it should be")
			}
			p.t.Exchange, p.t.Began, first = exchange, l.Began, false
			continue
		}
		if err := p.line(l, data); err != nil {
			return err
		}
	}
	p.parts++
	return nil
}

// data takes what stands behind a line.
func (p *parser) data(plain *[]byte, n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if n < 0 || n >= len(*plain) || (*plain)[n] != '\n' {
		return nil, errLine
	}
	data := bytes.Clone((*plain)[:n])
	*plain = (*plain)[n+1:]
	return data, nil
}

// line reads a line that is not a part's first.
func (p *parser) line(l wiredLine, data []byte) error {
	p.t.Complete = false
	switch {
	case l.Of != nil:
		if *l.Of < 0 || *l.Of >= len(p.t.Events) {
			return errLine
		}
		e := &p.t.Events[*l.Of]
		if e.Head != nil {
			return errLine // nobody would look at it
		}
		e.Data = append(e.Data, data...)
	case l.Kind == kindEnd && len(data) > 0:
		return errLine
	case l.Kind == kindEnd:
		p.t.Sent, p.t.Got, p.t.Complete = l.Sent.sum(), l.Got.sum(), true
	default:
		e := Event{At: time.Duration(l.At) * time.Microsecond, Kind: l.Kind, Binary: l.Binary, More: l.More, Masked: l.Masked}
		switch l.Kind {
		case Request, Response, Trailers, Control, ControlSent:
			if e.Head = l.head(); len(data) > 0 {
				return errLine
			}
		case Sent, Got, MessageSent, MessageGot:
			e.Data = data
		default:
			return errLine
		}
		p.t.Events = append(p.t.Events, e)
	}
	return nil
}

func (l *wiredLine) head() *Head {
	h := &Head{Method: string(l.Method), Authority: string(l.Authority), Path: string(l.Path), Status: l.Status}
	for _, pair := range l.Headers {
		h.Headers = append(h.Headers, access.Header{Name: string(pair[0]), Value: string(pair[1])})
	}
	return h
}
