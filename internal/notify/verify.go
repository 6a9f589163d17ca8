package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// clockSkew is how far Slack's clock may be from ours, as Slack advises.
const clockSkew = 5 * time.Minute

// Errors of a signature. They quote nothing.
var (
	errUnsigned = errors.New("it has no signature of version v0")
	errOld      = errors.New("its time is more than five minutes from now")
	errForged   = errors.New("its signature is another")
)

// verify checks Slack's signature, after
// docs.slack.dev/authentication/verifying-requests-from-slack, and returns it.
func (s *SlackClicks) verify(h http.Header, body []byte, now time.Time) (mac [sha256.Size]byte, err error) {
	stamps, signatures := h["X-Slack-Request-Timestamp"], h["X-Slack-Signature"]
	if len(stamps) != 1 || len(signatures) != 1 {
		return mac, errUnsigned
	}
	text, v0 := strings.CutPrefix(signatures[0], "v0=")
	got, err := hex.DecodeString(text)
	seconds, bad := strconv.ParseInt(stamps[0], 10, 64)
	if !v0 || err != nil || bad != nil || len(got) != len(mac) {
		return mac, errUnsigned
	}
	// compared as numbers: a difference of times could overflow
	if seconds < now.Add(-clockSkew).Unix() || seconds > now.Add(clockSkew).Unix() {
		return mac, errOld
	}
	key, err := s.o.SigningSecret()
	if err != nil || key.IsZero() {
		return mac, errForged
	}
	h256 := hmac.New(sha256.New, key.Reveal())
	h256.Write([]byte("v0:" + stamps[0] + ":"))
	h256.Write(body)
	copy(mac[:], h256.Sum(nil))
	if !hmac.Equal(mac[:], got) {
		return mac, errForged
	}
	return mac, nil
}
