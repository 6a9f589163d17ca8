package replace

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestRenew changes the values in the middle of a text. Those that the text
// began with are found to its end, the new ones from what is kept on.
func TestRenew(t *testing.T) {
	first := Secret{"a", []byte("first-value-abcdefgh")}
	second := Secret{"a", []byte("second-value-ijklmnop")}
	third := Secret{"b", []byte("a-third-value-" + strings.Repeat("qrstuvwx", 20))}
	text := "-" + string(first.Value) + "-" + string(second.Value) + "-" + string(third.Value) + "-" + `second-valu\u0065-ijklmnop`
	tests := []struct {
		name string
		sets []*Set // by turns, one before each piece
		want string
	}{
		{"no change", []*Set{compile(t, first)}, "-<a>-" + string(second.Value) + "-" + string(third.Value) + `-second-valu\u0065-ijklmnop`},
		{"replaced, the old known", []*Set{compile(t, first), compile(t, first, second)}, "-<a>-<a>-" + string(third.Value) + "-<a>"},
		{"replaced, the old forgotten", []*Set{compile(t, first), compile(t, second)}, "-<a>-<a>-" + string(third.Value) + "-<a>"},
		{"to longer ones", []*Set{compile(t, first), compile(t, second, third)}, "-<a>-<a>-<b>-<a>"},
		{"from none", []*Set{compile(t), compile(t, second)}, "-" + string(first.Value) + "-<a>-" + string(third.Value) + "-<a>"},
		{"to none", []*Set{compile(t, first, third), compile(t)}, "-<a>-" + string(second.Value) + `-<b>-second-valu\u0065-ijklmnop`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, size := range []int{1, 7, 400} {
				r := test.sets[0].NewRewriter(None, label)
				var got []byte
				for at, i := 0, 0; at < len(text); at += size {
					if i > 0 || size > len(text) {
						r.Renew(test.sets[len(test.sets)-1])
					}
					got = r.Append(got, []byte(text[at:min(len(text), at+size)]), at+size >= len(text))
					i++
				}
				if string(got) != test.want {
					t.Errorf("in pieces of %d: got %q, want %q", size, got, test.want)
				}
			}
		})
	}
}

// TestRenewLetsGo: an old Set whose values are all in the new one costs nothing
// any more.
func TestRenewLetsGo(t *testing.T) {
	secrets := []Secret{{"a", []byte("first-value-abcdefgh")}}
	r := compile(t, secrets...).NewRewriter(None, nil)
	for range 100 {
		secrets = append(secrets, Secret{"a", bytes.Repeat([]byte{byte('!' + rand.IntN(90))}, 12+len(secrets))})
		r.Renew(compile(t, secrets...))
	}
	if len(r.sets) != 1 {
		t.Errorf("%d sets", len(r.sets))
	}
	r.Renew(compile(t, secrets[1:]...))
	if len(r.sets) != 2 {
		t.Errorf("%d sets, want the one with the value that is gone too", len(r.sets))
	}
}
