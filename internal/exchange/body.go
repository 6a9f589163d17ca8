package exchange

import (
	"errors"
	"slices"

	"cloakroom/internal/access"
	"cloakroom/internal/replace"
)

// ErrBody is returned by a step whose piece of a body cannot be read as what
// the message's head says it is, so that a value in it might not be found. The
// exchange must end.
var ErrBody = errors.New("a body is not what its head says")

// stage is one step on a body's way: it decodes, takes frames apart, masks.
type stage interface {
	// Append takes the next piece of the body, and appends to dst what may go
	// on now. With last, nothing follows src. It keeps no reference to its
	// arguments; an error is final.
	Append(dst, src []byte, last bool) ([]byte, error)
}

// masker is the stage that masks.
type masker struct{ *replace.Rewriter }

func (m masker) Append(dst, src []byte, last bool) ([]byte, error) {
	return m.Rewriter.Append(dst, src, last), nil
}

// chain gives what one stage lets go to the next.
type chain struct {
	first, second stage
	between       []byte
}

func (c *chain) Append(dst, src []byte, last bool) ([]byte, error) {
	var err error
	c.between, err = c.first.Append(c.between[:0], src, last)
	if err != nil {
		return dst, err
	}
	return c.second.Append(dst, c.between, last)
}

// openBody makes ready for the response's body: what takes it apart, and how it
// is masked. Where its parts are counted elsewhere, masks are of equal length.
func (x *Exchange) openBody(h ResponseHead) {
	contentType := firstHeader(h.Headers, "content-type")
	ends, prefixed := prefixesMessages(contentType)
	switch {
	case h.Status == 101:
		x.down = x.openSocket()
	case prefixed:
		x.down = &messages{inside: masker{x.filler()}, ends: ends}
	default:
		x.down = masker{x.label(replace.FlushFor(contentType))}
	}
	if x.decoder != nil {
		x.down = &chain{first: decoding{x}, second: x.down}
	}
}

// label is a new rewriter whose masks tell what they hide, filler one whose
// masks are of equal length.
func (x *Exchange) label(f replace.Flush) *replace.Rewriter {
	return x.counted(x.masks[0].NewRewriter(f, x.mask))
}

func (x *Exchange) filler() *replace.Rewriter {
	return x.counted(x.masks[0].NewFiller(replace.None))
}

func (x *Exchange) counted(r *replace.Rewriter) *replace.Rewriter {
	for _, masks := range x.masks[1:] {
		r.Renew(masks)
	}
	x.rewriters = append(x.rewriters, r)
	return r
}

// renew takes the masks that are in force now to those that the exchange began
// with: values may have changed since, and either may come back.
func (x *Exchange) renew() {
	now := x.deps.Snapshot()
	if now == x.last {
		return
	}
	x.last = now
	if !slices.Contains(x.sets, now.id) {
		x.sets = append(x.sets, now.id)
	}
	x.masks = replace.Renewed(x.masks, masking(now))
	for _, r := range x.rewriters {
		r.Renew(masking(now))
	}
	x.reel.heard.renew(now.masks)
}

// Instead puts a refusal in the place of a response, if a step has returned
// ErrBody or ErrRecord before anything of the body went down. It returns nil where it
// is too late for that, and for any other error. Whether the head has already gone is
// the transport's to know; then it ends the response.
func (x *Exchange) Instead(err error) *access.Refusal {
	switch {
	case x.phase != answered || x.entry.bytesTo > 0:
	case errors.Is(err, ErrBody):
		return x.told(x.refuse(access.Denied, "", "the backend's answer cannot be read as what its head says it is"))
	case errors.Is(err, ErrRecord):
		return x.unrecorded()
	}
	return nil
}
