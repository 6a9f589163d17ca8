package exchange

import (
	"errors"
	"slices"

	"cloakroom/internal/access"
	"cloakroom/internal/body"
	"cloakroom/internal/inventory"
)

// ErrLate is returned by a step that refuses a piece of a request's body when
// its answer is on its way already. The exchange must end.
var ErrLate = errors.New("the request's body was refused after its answer began")

// upload is a request's body on its way up.
type upload struct {
	reader *body.Reader // nil: nothing in it counts
	judged int          // bytes so far, no further than access.JudgedBody
	given  int          // bytes that it has become
	held   bool
	ended  bool
}

// mostHeld is how many bytes of a body may wait with its head. Only one that is
// compressed can become so many; the deciding half has read all of them.
const mostHeld = 1 << 20

// describesBody are the request headers that tell of the bytes before values
// take their places.
var describesBody = []string{"content-md5", "digest", "repr-digest", "content-digest"}

// openUpload makes ready for the request's body. Its head is held until enough
// of the body was seen.
func (x *Exchange) openUpload(h RequestHead, change *Change) *access.Refusal {
	if !h.Body {
		x.unheard(h)
		return nil
	}
	x.up = &upload{}
	x.listen(h)
	switch {
	case access.ShowsMessages(h.Route):
		x.openMessages()
		return nil
	case !access.ShowsBody(h.Route):
		return nil
	}
	reader, err := body.Open(x.snap.rules, x.target, h.Headers, x.put)
	if err != nil {
		return x.refuse(body.Code(err), "", "%v", err)
	}
	x.up.reader, x.up.held = reader, reader != nil
	if x.DecodesUp() {
		change.Remove = append(change.Remove, "content-encoding")
	} else if !x.grantsFields() {
		return nil
	}
	for _, line := range h.Headers {
		if slices.Contains(describesBody, line.Name) {
			change.Remove = append(change.Remove, line.Name)
		}
	}
	return nil
}

// openMessages makes ready for a WebSocket's messages, of which nothing has been
// judged.
func (x *Exchange) openMessages() {
	if len(x.snap.rules.MessageUses(x.target)) == 0 {
		return
	}
	x.up.judged = access.JudgedBody
	x.socket.fill = func(message []byte) ([]byte, error) {
		out, err := body.Message(x.snap.rules, x.target, message, x.put)
		var r *access.Refusal
		if err != nil && !errors.As(err, &r) {
			return nil, x.refuse(body.Code(err), "", "%v", err)
		}
		return out, err
	}
}

// grantsFields tells whether a value may come to stand in the body.
func (x *Exchange) grantsFields() bool {
	return slices.ContainsFunc(x.grant.Uses, func(u access.Use) bool {
		return slices.ContainsFunc(u.Locations, access.Location.InFields)
	})
}

// Held tells whether the request's head, and what RequestBody has given so far,
// must wait: a body of up to access.JudgedBody bytes is judged whole before the
// backend hears of it, unless it becomes more than mostHeld.
func (x *Exchange) Held() bool { return x.up != nil && x.up.held && x.phase != refused }

// DecodesUp tells whether the request's body may grow much on its way: it is to be
// given in small pieces, so that what they become is small too.
func (x *Exchange) DecodesUp() bool {
	return x.up != nil && (x.up.reader != nil && x.up.reader.Decodes() || x.reel.heard.decodes())
}

// RequestBody puts values in their places in a piece of the request's body, and
// appends to dst what of it may go up; end tells that no more follows, trailers
// aside. A refusal takes the response's place: what went up before is all that
// the backend gets.
func (x *Exchange) RequestBody(dst, chunk []byte, end bool) ([]byte, *access.Refusal, error) {
	u := x.up
	if x.phase == refused { // it was under way when the refusal took its place
		return dst, nil, nil
	}
	if x.phase == begun || u == nil || u.ended && (!end || len(chunk) > 0) {
		return dst, nil, ErrOrder
	}
	if u.ended { // repeated
		return dst, nil, nil
	}
	u.ended = end
	before := len(dst)
	dst, refused, err := x.goUp(dst, chunk, end)
	unheard := x.sends(chunk, end)
	switch {
	case err != nil || refused != nil || unheard == nil:
		return dst, x.told(refused), err
	case x.phase == asked && errors.Is(unheard, ErrRecord):
		return dst[:before], x.unrecorded(), nil
	}
	x.entry.detail = unheard.Error()
	return dst[:before], nil, unheard
}

// goUp is RequestBody, but for what is recorded.
func (x *Exchange) goUp(dst, chunk []byte, end bool) ([]byte, *access.Refusal, error) {
	u := x.up
	switch {
	case x.socket.fill != nil:
		dst, err := x.sendFrames(dst, chunk, end)
		return dst, nil, err
	case u.reader == nil:
		return append(dst, chunk...), nil, nil
	}
	before, phase := len(dst), x.phase
	dst, err := x.read(dst, chunk, end)
	u.given += len(dst) - before
	u.held = u.held && !end && u.judged < access.JudgedBody && u.given <= mostHeld
	if err == nil {
		return dst, nil, nil
	}
	var r *access.Refusal
	if !errors.As(err, &r) {
		r = x.refuse(body.Code(err), "", "%v", err)
	}
	if phase != asked {
		return dst[:before], nil, x.late(r)
	}
	return dst[:before], r, nil
}

// late is the error for a refusal that nothing can give to the caller any more: the
// log alone says why.
func (x *Exchange) late(r *access.Refusal) error {
	x.entry.detail = r.Message
	return ErrLate
}

// read reads what is judged apart from what streams, the end of a body of that
// very length too, so that a field belongs to the one or the other as it did when
// the exchange was decided.
func (x *Exchange) read(dst, chunk []byte, end bool) (_ []byte, err error) {
	u := x.up
	if n := access.JudgedBody - u.judged; n > 0 && n <= len(chunk) {
		if dst, err = u.reader.Append(dst, chunk[:n], false); err != nil {
			return dst, err
		}
		u.judged, chunk = access.JudgedBody, chunk[n:]
	}
	dst, err = u.reader.Append(dst, chunk, end)
	u.judged = min(access.JudgedBody, u.judged+len(chunk))
	return dst, err
}

// put is body.Replace: every placeholder that counts gets its value.
func (x *Exchange) put(text string, found []inventory.Found) (string, error) {
	counting := found[:0:0]
	for _, f := range found {
		if !f.Counts {
			continue
		}
		if r := x.allows(f); r != nil {
			return "", r
		}
		if r := x.knows(f); r != nil {
			return "", r
		}
		counting = append(counting, f)
	}
	if len(counting) == 0 {
		return text, nil
	}
	filled, err := x.splice(text, counting)
	if err != nil {
		return "", x.cannotStand(counting[0])
	}
	if r := x.spend(counting); r != nil {
		return "", r
	}
	for _, f := range counting {
		x.sent[f.Name] = f.Text
	}
	return filled, nil
}

// knows refuses a ticket beyond what was judged: whose it is was not looked up.
func (x *Exchange) knows(f inventory.Found) *access.Refusal {
	if f.Named || x.up.judged < access.JudgedBody || x.sent[f.Name] == f.Text {
		return nil
	}
	if f.At.InMessages() {
		return x.refuse(access.NotGranted, "", "a ticket cannot stand at %s; send the named placeholder", f.At)
	}
	return x.refuse(access.NotGranted, "", "a ticket stands at %s beyond the first 64 KiB of the body; send it before", f.At)
}
