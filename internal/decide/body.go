package decide

import (
	"slices"

	"cloakroom/internal/access"
	"cloakroom/internal/body"
	"cloakroom/internal/inventory"
)

// cut tells whether more of the body may follow than is seen here. A transport
// that sees as much as it may cannot tell whether that is all.
func (a *attempt) cut() bool {
	return a.request.BodyTruncated || len(a.request.Body) >= access.JudgedBody
}

// step is how much of a body is read at a time: it may be compressed, and grow.
const step = 4 << 10

// inBody finds the placeholders in the fields of the body, as far as it is seen.
func (a *attempt) inBody(t access.Target) ([]inventory.Found, *refusal) {
	if len(a.request.Body) == 0 || !access.ShowsBody(a.request.Route) {
		return nil, nil
	}
	var found []inventory.Found
	r, err := body.Open(a.set, t, a.request.Headers, func(text string, fs []inventory.Found) (string, error) {
		found = append(found, fs...)
		return text, nil
	})
	if err == nil {
		err = readThrough(r, a.request.Body, !a.cut())
	}
	if err != nil {
		r := refused(access.CauseBody, err.Error())
		r.Code, r.counted = body.Code(err), !a.who.Known()
		return nil, r
	}
	return found, nil
}

// readThrough reads a body for what its reader does on the way; whole tells that
// no more of it follows.
func readThrough(r *body.Reader, text []byte, whole bool) (err error) {
	defer r.Close()
	var out []byte
	for r != nil && err == nil && len(text) > 0 {
		n := min(len(text), step)
		out, err = r.Append(out[:0], text[:n], whole && n == len(text))
		text = text[n:]
	}
	return err
}

// foresee adds placeholders that may stand in what is not seen here, of the body
// or of a WebSocket's first message: those of every credential that is open to the
// caller, needs no approval, and has a location there. What is not granted now is
// refused when it comes.
func (a *attempt) foresee() {
	var uses []inventory.BodyUse
	switch route := a.request.Route; {
	case a.who.Ticket:
	case access.ShowsBody(route) && a.cut():
		uses = a.set.BodyUses(a.input.Target)
	case access.ShowsMessages(route):
		uses = a.set.MessageUses(a.input.Target)
	}
	for _, u := range uses {
		f := a.facts.byName[u.Credential.Name]
		if f.Approval || !a.who.InAny(f.Groups) {
			continue
		}
		for _, at := range u.In {
			there := slices.ContainsFunc(a.input.Placeholders, func(p access.Placeholder) bool { return p.Name == f.Name && p.At == at })
			if !there && len(a.input.Placeholders) < inventory.MaxFound {
				a.input.Placeholders = append(a.input.Placeholders, access.Placeholder{Text: f.Placeholder, Name: f.Name,
					Kind: access.Named, At: at, Counts: true, Credential: f, Open: true, Permitted: true})
			}
		}
	}
}

// foreseen tells whether a placeholder of the input is one that may come.
func (a *attempt) foreseen(i int) bool { return i >= len(a.found) }
