package corpus

import (
	"encoding/base64"
	"fmt"
)

const (
	upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	lower   = "0123456789abcdef"
	alnum   = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	digits  = "0123456789"
	marks   = alnum + `!#%&+/=?@"<>\~^`
	urlSafe = alnum + "-_"
)

// kinds are what services hand out as keys: 20 to 192 bytes, most with a prefix
// that many share.
var kinds = []func(writer) string{
	func(w writer) string { return "ghp_" + w.some(alnum, 36) },
	func(w writer) string { return "github_pat_" + w.some(alnum, 22) + "_" + w.some(alnum, 59) },
	func(w writer) string { return "sk-proj-" + w.some(urlSafe, 156) },
	func(w writer) string { return "sk-ant-api03-" + w.some(urlSafe, 93) + "AA" },
	func(w writer) string { return "sk_live_" + w.some(alnum, 24+w.IntN(2)*75) },
	func(w writer) string {
		return "xoxb-" + w.some(digits, 12) + "-" + w.some(digits, 13) + "-" + w.some(alnum, 24)
	},
	func(w writer) string { return "AKIA" + w.some(upper, 16) },
	func(w writer) string { return base64.StdEncoding.EncodeToString([]byte(w.some(marks, 30))) },
	func(w writer) string { return "AIza" + w.some(urlSafe, 35) },
	func(w writer) string { return "glpat-" + w.some(urlSafe, 20) },
	func(w writer) string { return w.some(lower, 32<<w.IntN(2)) },
	func(w writer) string { return w.some(marks, 19+w.IntN(44)) + w.some(alnum, 1) },
	func(w writer) string {
		claims := fmt.Sprintf(`{"iss":"https://id.example.com","sub":"%s","iat":%s,"scope":"read"}`, w.some(digits, 9), w.some(digits, 10))
		return "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + "." + w.some(urlSafe, 43)
	},
	func(w writer) string {
		return "postgres://app:" + w.some(alnum, 24+w.IntN(40)) + "@db.internal:5432/app"
	},
}

// Values returns n credentials' values, all of them different and none within
// another.
func Values(n int) [][]byte {
	w := newWriter(5)
	values := make([][]byte, n)
	for i := range values {
		values[i] = []byte(kinds[i%len(kinds)](w))
	}
	return values
}

// some returns n of the characters.
func (w writer) some(characters string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = characters[w.IntN(len(characters))]
	}
	return string(b)
}

func (w writer) letters(n int) string { return w.some(alnum, n) }
