package replace

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
)

// plants write values as backends do, with encoders that are not the package's:
// what is written, and what must come down for it.
var plants = []func(r *rand.Rand, name, v string) (text, want string){
	func(_ *rand.Rand, name, v string) (string, string) { return v, label(name) },
	func(r *rand.Rand, name, v string) (string, string) { return scatter(r, v, `\u%04x`), label(name) },
	func(r *rand.Rand, name, v string) (string, string) { return scatter(r, v, "%%%02X"), label(name) },
	func(r *rand.Rand, name, v string) (string, string) {
		return url.QueryEscape(scatter(r, v, "%%%02x")), label(name)
	},
	func(r *rand.Rand, name, v string) (string, string) { return scatter(r, v, "&#%d;"), label(name) },
	func(r *rand.Rand, name, v string) (string, string) { return scatter(r, v, "=%02X"), label(name) },
	func(r *rand.Rand, name, v string) (string, string) {
		return strings.ReplaceAll(strings.ReplaceAll(scatter(r, v, `\u%04x`), `\`, `\\`), `\`, `\\`), label(name)
	},
	func(_ *rand.Rand, _, v string) (string, string) {
		return hex.EncodeToString([]byte(v)), hex.EncodeToString(stars(v))
	},
	func(r *rand.Rand, _, v string) (string, string) {
		before, after := "user:"[:r.IntN(5)], "!end"[:r.IntN(4)]
		return base64.StdEncoding.EncodeToString([]byte(before + v + after)),
			base64.StdEncoding.EncodeToString([]byte(before + string(stars(v)) + after))
	},
	func(r *rand.Rand, _, v string) (string, string) {
		text := strings.Repeat("0", 16+r.IntN(20)) + "\r\n" // a line before it
		return text + base64.StdEncoding.EncodeToString([]byte(v)), text + base64.StdEncoding.EncodeToString(stars(v))
	},
	func(_ *rand.Rand, _, v string) (string, string) {
		var text, want []byte
		for _, c := range []byte(v) {
			text, want = append(text, c, 0), append(want, star, 0)
		}
		return string(text) + "~", string(want) + "~"
	},
}

func stars(v string) []byte { return bytes.Repeat([]byte{star}, len(v)) }

// scatter writes some of the characters in a format, one at least.
func scatter(r *rand.Rand, v, format string) string {
	var b strings.Builder
	one := r.IntN(len(v))
	for i, c := range []byte(v) {
		if i == one || r.IntN(3) == 0 {
			fmt.Fprintf(&b, format, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// TestPlanted plants values in noise, in every form, and cuts it at random. No
// one may be missed, nothing else changed.
func TestPlanted(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	secrets := credentials(500, 24)
	set := compile(t, secrets...)
	rw := set.NewRewriter(None, label)
	var text, want, got []byte
	left := planted
	for round := 0; left > 0; round++ {
		text, want, got = text[:0], want[:0], got[:0]
		for ; left > 0 && len(text) < 1<<20; left-- {
			s := secrets[r.IntN(len(secrets))]
			a, b := plants[r.IntN(len(plants))](r, s.Name, string(s.Value))
			noise := strings.Repeat("~ $!#<>|^ {\"}", 3)[:2+r.IntN(30)]
			text, want = append(append(text, noise...), a...), append(append(want, noise...), b...)
		}
		text, want = append(text, '~'), append(want, '~')
		for at := 0; at < len(text); {
			n := min(len(text)-at, 1+r.IntN(1<<r.IntN(18)))
			got = rw.Append(got, text[at:at+n], at+n == len(text))
			at += n
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("round %d:%s", round, difference(string(got), string(want)))
		}
	}
	n := 0
	for _, hits := range rw.Hits() {
		n += hits
	}
	if n != planted {
		t.Errorf("%d occurrences of %d", n, planted)
	}
	t.Logf("%d planted, %d found", planted, n)
}
