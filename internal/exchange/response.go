package exchange

import (
	"slices"
	"strings"

	"cloakroom/internal/access"
	"cloakroom/internal/recording"
)

// ResponseHead is a response's head as it came from the backend, or from Envoy
// in its place.
type ResponseHead struct {
	Status  int
	Headers []access.Header // without pseudo-headers
	End     bool            // nothing follows
}

// ResponseHead masks the head of the response and makes ready for its body. A
// refusal takes the response's place.
//
// A response may come without a request: Envoy answered before it asked us, for
// instance with a refusal of the deciding half. It is masked like any other.
func (x *Exchange) ResponseHead(h ResponseHead) (Change, *access.Refusal, error) {
	if x.phase != begun && x.phase != asked {
		return Change{}, nil, ErrOrder
	}
	x.entry.status, x.entry.down = h.Status, x.deps.Now()
	x.renew()
	if r := x.readable(h); r != nil {
		return Change{}, x.told(r), nil
	}
	if r := x.decodable(h); r != nil {
		return Change{}, x.told(r), nil
	}
	change, masked := x.maskHead(h.Headers)
	if x.decoder != nil {
		change.decoded(h.Headers)
	}
	if h.Status == 101 {
		x.answerKey(h, &change)
	}
	if x.getsHead(recording.Response, h.Status, change.applied(h.Headers), masked, h.End) != nil {
		return Change{}, x.unrecorded(), nil
	}
	x.phase = answered
	if h.End {
		x.phase = complete
		return change, nil, nil
	}
	x.openBody(h)
	return change, nil, nil
}

// readable refuses a response whose body could hide a value from the mask.
func (x *Exchange) readable(h ResponseHead) *access.Refusal {
	switch {
	case h.Status == 101:
		return x.switched(h)
	case h.Status == 206:
		return x.refuse(access.Denied, "", "the backend answered with a part of the body that nobody asked for")
	case h.Status == 226: // RFC 3229
		return x.refuse(access.Denied, "", "the backend answered with a change to another answer, which nobody asked for")
	case h.End:
		return nil
	}
	for _, line := range h.Headers {
		value := strings.ToLower(strings.TrimSpace(line.Value))
		switch {
		case (line.Name == "grpc-encoding" || line.Name == "connect-content-encoding") && value != "identity":
			return x.refuse(access.Denied, "", "the backend compresses its messages although it was asked not to")
		case line.Name != "content-type":
		case !searchable(value):
			return x.refuse(access.Denied, "", "the backend answered in a charset that is not read; ask it for UTF-8")
		case isGRPCWebText(value):
			return x.refuse(access.Denied, "", "the backend answered with gRPC-Web as text, which is not read")
		case strings.Contains(value, "multipart/byteranges"):
			return x.refuse(access.Denied, "", "the backend answered with parts of the body that nobody asked for")
		}
	}
	return nil
}

// searchableCharsets are how the names begin, without "-" and "_", of charsets
// in which values are found: those in which ASCII stands as it is, and UTF-16.
var searchableCharsets = []string{
	"utf8", "ascii", "usascii", "ansi", "binary", "iso8859", "latin", "windows", "cp125", "koi8", "macintosh", "xmac",
	"iso2022", "euc", "shiftjis", "sjis", "gb", "big5", "ksc5601", "tis620", "utf16",
}

// searchable tells whether each charset that a content type names is one in
// which values are found. None is fine.
func searchable(contentType string) bool {
	parameters := strings.FieldsFunc(strings.ToLower(contentType), func(r rune) bool { return r == ';' || r == ',' })
	for _, parameter := range parameters {
		name, charset, _ := strings.Cut(parameter, "=")
		if strings.TrimSpace(name) != "charset" {
			continue
		}
		charset = strings.NewReplacer("-", "", "_", "").Replace(strings.Trim(charset, " \t\"'"))
		if charset != "" && !slices.ContainsFunc(searchableCharsets, func(s string) bool { return strings.HasPrefix(charset, s) }) {
			return false
		}
	}
	return true
}

// maskHead masks header lines, or trailers. A name that holds a value is
// removed, since no mask could stand in a name, and so is what describes the
// bytes before masking.
func (x *Exchange) maskHead(lines []access.Header) (change Change, masked map[string]int) {
	masked = make(map[string]int)
	touched := make(map[string]bool)
	for i, line := range lines {
		if describesUnmasked(line) {
			change.Remove = append(change.Remove, line.Name)
			continue
		}
		for _, masks := range x.masks {
			// Envoy writes names in lower case, HTTP/2 demands it.
			if name, ok := masks.ContainsFold(line.Name); ok {
				masked[name]++
				change.Remove = append(change.Remove, line.Name)
				break
			}
			if name, ok := masks.Contains(lines[i].Value); ok {
				masked[name]++
				lines[i].Value = masks.Mask(lines[i].Value, x.mask).String()
				touched[line.Name] = true
			}
		}
	}
	for _, line := range lines {
		if touched[line.Name] && !slices.Contains(change.Remove, line.Name) {
			change.Set = append(change.Set, line)
		}
	}
	for name, n := range masked {
		x.entry.masked(name, n)
	}
	return change, masked
}

// applied is what has become of header lines, or trailers, once c is made. What tells
// its length is the transport's to write anew.
func (c *Change) applied(lines []access.Header) []access.Header {
	gone := func(name string) bool {
		return name == "content-length" || slices.Contains(c.Remove, name) ||
			slices.ContainsFunc(c.Set, func(line access.Header) bool { return line.Name == name })
	}
	left := make([]access.Header, 0, len(lines)+len(c.Set))
	for _, line := range lines {
		if !gone(line.Name) {
			left = append(left, line)
		}
	}
	return append(left, c.Set...)
}

// ResponseBody masks a piece of the body and appends to dst what of it may go
// now; end tells that no more of the body follows, trailers included. What is
// held back depends on public facts alone; package replace states the rule.
// Of a body that a refusal has taken the place of, nothing may go.
func (x *Exchange) ResponseBody(dst, chunk []byte, end bool) ([]byte, error) {
	if x.phase == drained || x.phase == complete {
		// Envoy may repeat the end of a stream; bytes behind it are an error.
		if end && len(chunk) == 0 {
			return dst, nil
		}
		return dst, ErrOrder
	}
	if x.phase == refused { // it was under way when the refusal took its place
		return dst, nil
	}
	if x.phase != answered {
		return dst, ErrOrder
	}
	x.renew()
	x.entry.bytesFrom += int64(len(chunk))
	before := len(dst)
	dst, err := x.down.Append(dst, chunk, end)
	if err != nil {
		return dst[:before], err
	}
	last := end || x.socket.closed()
	if err := x.gets(dst[before:], last); err != nil {
		return dst[:before], err
	}
	x.entry.bytesTo += int64(len(dst) - before)
	if last {
		x.finishBody(drained)
	}
	return dst, nil
}

// ResponseTrailers ends the body and masks the trailers behind it. It appends
// to dst what the body still held back.
func (x *Exchange) ResponseTrailers(dst []byte, lines []access.Header) ([]byte, Change, error) {
	if x.phase == refused {
		return dst, Change{}, nil
	}
	if x.phase != answered {
		return dst, Change{}, ErrOrder
	}
	x.renew()
	before := len(dst)
	dst, err := x.down.Append(dst, nil, true)
	if err != nil {
		return dst[:before], Change{}, err
	}
	change, masked := x.maskHead(lines)
	if err = x.gets(dst[before:], false); err == nil {
		err = x.getsHead(recording.Trailers, 0, change.applied(lines), masked, true)
	}
	if err != nil {
		return dst[:before], Change{}, err
	}
	x.entry.bytesTo += int64(len(dst) - before)
	x.finishBody(complete)
	return dst, change, nil
}

func (x *Exchange) finishBody(next phase) {
	for _, r := range x.rewriters {
		for name, n := range r.Hits() {
			x.entry.masked(name, n)
		}
	}
	x.decoder.Close()
	x.rewriters, x.decoder, x.down, x.phase = nil, nil, nil, next
}

func firstHeader(lines []access.Header, name string) string {
	for _, line := range lines {
		if line.Name == name {
			return line.Value
		}
	}
	return ""
}
