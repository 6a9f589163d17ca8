package recording

import "cloakroom/internal/record"

const (
	// runMax is how much of a run is held back, in bytes, until it is known what
	// stands in it.
	runMax = 32 << 10
	// contextMax is how much of a run is looked at once more after a part of it
	// was let go. It is longer than a ticket's longest form.
	contextMax = 8 << 10
)

// stream scrubs one text that comes in pieces, each of an event: a body, or a
// message. A ticket and a token stand within a run, which is what stands between
// two bytes that bound. So a run is held until its end is there, and then belongs
// to the events in which its bytes stood, or to the one in which it began where
// something was taken out of it.
type stream struct {
	held    []byte // the run at the end
	written int    // how much of it was let go already
	marked  bool   // what was let go ends with the mark of a ticket that may go on
	swallow bool   // it ended with the mark of a token: the rest of the run belongs to it
	owners  []owner
}

// owner says to which event the next n bytes of a run belong.
type owner struct{ event, n int }

// sink takes what a stream lets go, as the text of an event.
type sink func(event int, text []byte)

// feed takes a piece of the text, which came with the event.
func (s *stream) feed(c *scrubber, event int, data []byte, out sink) {
	for len(data) > 0 {
		if s.swallow {
			data = s.skip(data)
			continue
		}
		if len(s.held) > 0 {
			data = s.hold(c, event, data, out)
			continue
		}
		// Runs that end here need not be held; none is longer than one that is.
		near := data[:min(len(data), runMax)]
		n := lastBound(near) + 1
		if n > 0 {
			out(event, c.scrubbed(near[:n]))
		}
		if n < len(near) {
			s.hold(c, event, near[n:], out)
		}
		data = data[len(near):]
	}
}

// skip drops the rest of a run.
func (s *stream) skip(data []byte) []byte {
	i := nextBound(data)
	if i < 0 {
		return nil
	}
	s.swallow = false
	return data[i:]
}

// hold adds data to the run up to the run's end, and returns the rest.
func (s *stream) hold(c *scrubber, event int, data []byte, out sink) []byte {
	n := min(len(data), runMax-len(s.held))
	bound := nextBound(data[:n])
	if bound >= 0 {
		n = bound
	}
	if n > 0 {
		s.held = append(s.held, data[:n]...)
		s.owners = append(s.owners, owner{event, n})
	}
	switch {
	case bound >= 0:
		s.settle(c, out)
	case len(s.held) == runMax:
		s.force(c, out)
	}
	return data[n:]
}

// settle lets go of the run, which ends here.
func (s *stream) settle(c *scrubber, out sink) {
	s.release(c, c.strays(s.held), out)
	s.held, s.written, s.marked, s.swallow = s.held[:0], 0, false, false
}

// force lets go of the run, of which there may be more. What may be the beginning
// of a ticket is marked as one.
func (s *stream) force(c *scrubber, out sink) {
	if s.written == len(s.held) {
		return
	}
	strays := c.strays(s.held)
	if m := ticketBegun.FindSubmatchIndex(s.held); m != nil && (len(strays) == 0 || strays[len(strays)-1].End <= m[2]) {
		strays = append(strays, record.Stray{Start: m[2], End: m[3]})
	}
	s.release(c, strays, out)
	s.marked = false
	if n := len(strays); n > 0 && strays[n-1].End == len(s.held) {
		s.marked, s.swallow = true, strays[n-1].Token
	}
	if s.swallow {
		s.held = s.held[:0]
	}
	s.held = append(s.held[:0], s.held[max(0, len(s.held)-contextMax):]...)
	s.written = len(s.held)
}

// release gives what was not let go yet to the events that it belongs to.
func (s *stream) release(c *scrubber, strays []record.Stray, out sink) {
	if len(s.owners) == 0 {
		return
	}
	if len(strays) > 0 {
		if text := c.appendRun(nil, s.held, s.written, s.marked, strays); len(text) > 0 {
			out(s.owners[0].event, text)
		}
	} else {
		rest := s.held[s.written:]
		for _, o := range s.owners {
			out(o.event, rest[:o.n])
			rest = rest[o.n:]
		}
	}
	s.owners = s.owners[:0]
}
