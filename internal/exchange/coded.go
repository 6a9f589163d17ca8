package exchange

import (
	"slices"
	"strings"

	"cloakroom/internal/access"
	"cloakroom/internal/coding"
)

// decodable makes ready to take the content codings off a response's body, which
// was asked for without any.
func (x *Exchange) decodable(h ResponseHead) *access.Refusal {
	var err error
	x.decoder, err = coding.New(headerValues(h.Headers, "content-encoding"))
	if err != nil && !h.End {
		return x.refuse(access.Denied, "", "the backend answered in a content coding that is not read, although it was asked for none")
	}
	return nil
}

// Decodes tells whether the response's body may grow much on its way: it is to
// be given in small pieces, so that what they become is small too.
func (x *Exchange) Decodes() bool { return x.decoder != nil }

// decoding is the stage that takes the content codings off.
type decoding struct{ x *Exchange }

func (d decoding) Append(dst, src []byte, last bool) ([]byte, error) {
	dst, err := d.x.decoder.Append(dst, src, last)
	if err != nil {
		d.x.entry.detail = err.Error()
		return dst, ErrBody
	}
	return dst, nil
}

// decoded makes lines those of a body without content codings, which does not
// depend on accept-encoding any more.
func (c *Change) decoded(lines []access.Header) {
	c.Remove = append(c.Remove, "content-encoding")
	var vary []string
	for name := range strings.SplitSeq(strings.Join(headerValues(lines, "vary"), ","), ",") {
		name = strings.TrimSpace(name)
		if name != "" && !strings.EqualFold(name, "accept-encoding") {
			vary = append(vary, name)
		}
	}
	c.Set = slices.DeleteFunc(c.Set, func(line access.Header) bool { return line.Name == "vary" })
	if len(vary) == 0 {
		c.Remove = append(c.Remove, "vary")
		return
	}
	c.Set = append(c.Set, access.Header{Name: "vary", Value: strings.Join(vary, ", ")})
}

// headerValues are the values of all lines of a name.
func headerValues(lines []access.Header, name string) (all []string) {
	for _, line := range lines {
		if line.Name == name {
			all = append(all, line.Value)
		}
	}
	return all
}
