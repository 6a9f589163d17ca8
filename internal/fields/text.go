package fields

import "bytes"

// text reads one JSON string, from behind its opening quote.
type text struct {
	escape byte // 0: none; '\\': its second character follows; 1 to 4: so many hex digits follow
}

// read takes src up to and with the closing quote, if that is there, and tells
// how many bytes that is.
func (t *text) read(src []byte) (n int, closed bool, err error) {
	for i := 0; i < len(src); i++ {
		if t.escape == 0 {
			i += ordinaryRun(src[i:])
			if i == len(src) {
				break
			}
		}
		switch c := src[i]; {
		case t.escape == 0 && c == '"':
			return i + 1, true, nil
		case t.escape == 0 && c == '\\':
			t.escape = '\\'
		case t.escape == '\\' && c == 'u':
			t.escape = 4
		case t.escape == '\\' && escapable[c]:
			t.escape = 0
		case t.escape > 0 && t.escape <= 4 && hexDigit[c]:
			t.escape--
		default:
			return 0, false, ErrJSON
		}
	}
	return len(src), false, nil
}

// ordinaryRun is how many bytes at the beginning of src stand for themselves.
// Most of a document is such bytes.
func ordinaryRun(src []byte) int {
	i := 0
	for ; i+4 <= len(src); i += 4 {
		if !(ordinary[src[i]] && ordinary[src[i+1]] && ordinary[src[i+2]] && ordinary[src[i+3]]) {
			break
		}
	}
	for i < len(src) && ordinary[src[i]] {
		i++
	}
	return i
}

// runs calls fill for each run without escapes of a string as it stands, and
// gives the escapes back as they are.
func runs(dst, raw []byte, fill func(dst, run []byte) ([]byte, error)) ([]byte, error) {
	for len(raw) > 0 {
		n := bytes.IndexByte(raw, '\\')
		switch {
		case n < 0:
			return fill(dst, raw)
		case n == 0 && raw[1] == 'u':
			dst, raw = append(dst, raw[:6]...), raw[6:]
			continue
		case n == 0:
			dst, raw = append(dst, raw[:2]...), raw[2:]
			continue
		}
		var err error
		if dst, err = fill(dst, raw[:n]); err != nil {
			return dst, err
		}
		raw = raw[n:]
	}
	return dst, nil
}

// ordinary are the bytes that stand for themselves in a JSON string; escapable
// those that may follow a backslash, "u" aside.
var (
	ordinary  = table(func(c byte) bool { return c >= ' ' && c != '"' && c != '\\' })
	escapable = among(`"\/bfnrt`)
	hexDigit  = among("0123456789abcdefABCDEF")
)

func table(is func(byte) bool) (t [256]bool) {
	for c := range t {
		t[c] = is(byte(c))
	}
	return t
}

func among(s string) (t [256]bool) {
	for i := range len(s) {
		t[s[i]] = true
	}
	return t
}
