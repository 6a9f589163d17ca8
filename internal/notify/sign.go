package notify

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"time"

	"cloakroom/internal/secret"
)

// errKey tells the form of a secret without telling the secret.
var errKey = errors.New(`want "whsec_" and the base64 of 24 to 64 random bytes`)

// signingKey reads a secret as Standard Webhooks serialises it: "whsec_", which
// may be missing, and standard base64.
func signingKey(v secret.Value) ([]byte, error) {
	text := bytes.TrimPrefix(bytes.TrimSpace(v.Reveal()), []byte("whsec_"))
	key, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errKey
	}
	return key, nil
}

// sign sets the headers of Standard Webhooks 1.0.0 for an attempt made now.
func sign(h http.Header, key []byte, id string, now time.Time, body []byte) {
	stamp := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(body)
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", stamp)
	h.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}
