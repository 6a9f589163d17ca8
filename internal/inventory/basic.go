package inventory

import (
	"encoding/base64"
	"strings"
)

// carriesBasic tells whether a header holds credentials of RFC 9110, section
// 11, and so may hold Basic ones.
func carriesBasic(name string) bool {
	return name == "authorization" || name == "proxy-authorization"
}

// markInBase64 is what of the mark is the same in base64 whatever stands around
// it, at each alignment.
var markInBase64 = [3]string{"Y2tyX", "Nrcl", "ja3Jf"}

// mayHoldBasic tells quickly whether a value could be Basic credentials with a
// placeholder in them.
func mayHoldBasic(value string) bool {
	if len(value) < 6 || !strings.EqualFold(value[:5], "basic") || value[5] != ' ' {
		return false
	}
	for _, s := range markInBase64 {
		if strings.Contains(value, s) {
			return true
		}
	}
	return false
}

// DecodeBasic is the user:password of a Basic authorization's value (RFC 7617),
// padded or not. The last bits of unpadded text may be anything, as many
// servers take it.
func DecodeBasic(value string) (string, bool) {
	scheme, text, ok := strings.Cut(value, " ")
	if !ok || !strings.EqualFold(scheme, "basic") {
		return "", false
	}
	text = strings.TrimRight(strings.Trim(text, " \t"), "=")
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return "", false
	}
	return string(b), true
}
