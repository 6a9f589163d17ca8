package grant

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"cloakroom/internal/access"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func sample() access.Grant {
	return access.Grant{
		Exchange: "x1", Principal: "https://i#a", Session: "s",
		Method: "GET", Authority: "api.example.com", Path: "/a?b=c",
		Route: "host:api.example.com", Cluster: "upstream:api.example.com", Source: "127.0.0.1:4000",
		Ends: now.Add(30 * time.Second),
		Uses: []access.Use{{Credential: "one", Lease: "l1", Locations: []access.Location{
			{Kind: access.InHeader, Name: "authorization"}, {Kind: access.InPath}}}},
	}
}

func codec(t testing.TB) *Codec {
	c, err := New([32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func seal(t testing.TB, c *Codec, g access.Grant) string {
	text, err := c.Seal(g)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestOpenGivesBackWhatWasSealed(t *testing.T) {
	c, g := codec(t), sample()
	got, err := c.Open(seal(t, c, g), ViewOf(g), now)
	if err != nil {
		t.Fatal(err)
	}
	if got.Nonce == [16]byte{} {
		t.Error("the nonce is zero")
	}
	got.Nonce = g.Nonce
	if !got.Ends.Equal(g.Ends) {
		t.Errorf("Ends = %v, want %v", got.Ends, g.Ends)
	}
	got.Ends = g.Ends
	if !reflect.DeepEqual(got, g) {
		t.Errorf("got  %+v\nwant %+v", got, g)
	}
}

// A grant taken from one exchange is refused in any other: whichever single
// field of the opener's view differs.
func TestOpenRefusesAnotherExchange(t *testing.T) {
	change := map[string]func(*View){
		"method":    func(v *View) { v.Method = "DELETE" },
		"authority": func(v *View) { v.Authority = "evil.example.com" },
		"path":      func(v *View) { v.Path = "/a?b=d" },
		"route":     func(v *View) { v.Route = "host:evil.example.com" },
		"cluster":   func(v *View) { v.Cluster = "upstream:evil.example.com" },
		"source":    func(v *View) { v.Source = "127.0.0.1:4001" },
		// fields are delimited: moving a byte across a border is a change
		"border": func(v *View) { v.Method, v.Authority = "GETa", "pi.example.com" },
	}
	for name, f := range change {
		t.Run(name, func(t *testing.T) {
			c, g := codec(t), sample()
			v := ViewOf(g)
			f(&v)
			if _, err := c.Open(seal(t, c, g), v, now); !errors.Is(err, ErrForged) {
				t.Errorf("err = %v, want %v", err, ErrForged)
			}
		})
	}
}

func TestOpenOnceOnly(t *testing.T) {
	c, g := codec(t), sample()
	text := seal(t, c, g)
	if _, err := c.Open(text, ViewOf(g), now); err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Duration{0, time.Second, 29 * time.Second} {
		// others come and go in between, so that generations turn over
		for range 3 {
			o := sample()
			o.Ends = now.Add(at + 30*time.Second)
			if _, err := c.Open(seal(t, c, o), ViewOf(o), now.Add(at)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Open(text, ViewOf(g), now.Add(at)); !errors.Is(err, ErrReused) {
			t.Errorf("after %v: err = %v, want %v", at, err, ErrReused)
		}
	}
}

func TestNoncesAreForgottenOnceTheyHaveEnded(t *testing.T) {
	c := codec(t)
	for i := range 200 {
		g, at := sample(), now.Add(time.Duration(i)*10*time.Second)
		g.Ends = at.Add(30 * time.Second)
		if _, err := c.Open(seal(t, c, g), ViewOf(g), at); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(c.used.young) + len(c.used.old); n > 20 {
		t.Errorf("%d nonces are remembered, want a few", n)
	}
}

func TestOpenRefuses(t *testing.T) {
	c, g := codec(t), sample()
	other, err := New([32]byte{2})
	if err != nil {
		t.Fatal(err)
	}
	text := seal(t, c, g)
	flipped := []byte(text)
	flipped[40] ^= 1
	for name, tc := range map[string]struct {
		text string
		now  time.Time
		want error
	}{
		"empty":               {"", now, ErrMalformed},
		"not base64":          {"!!!!", now, ErrMalformed},
		"too large":           {string(make([]byte, maxText+1)), now, ErrMalformed},
		"another key":         {seal(t, other, g), now, ErrForged},
		"one bit flipped":     {string(flipped), now, ErrForged},
		"cut":                 {text[:40], now, ErrMalformed},
		"at its end":          {text, g.Ends, ErrEnded},
		"long after":          {text, g.Ends.Add(time.Hour), ErrEnded},
		"another's namespace": {"cloakroom", now, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.Open(tc.text, ViewOf(g), tc.now)
			if !errors.Is(err, tc.want) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
			if !reflect.DeepEqual(got, access.Grant{}) {
				t.Errorf("a refused grant came back as %+v", got)
			}
		})
	}
}

func TestZeroKeyIsRefused(t *testing.T) {
	if _, err := New([32]byte{}); err == nil {
		t.Error("New accepted a zero key")
	}
}

// FuzzOpen: whatever the text, nothing opens but what was sealed, and nothing
// panics, also in the parser behind the MAC.
func FuzzOpen(f *testing.F) {
	c, err := New([32]byte{1})
	if err != nil {
		f.Fatal(err)
	}
	text, err := c.Seal(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, []byte(text))
	f.Add("", []byte{0, 1, 2})
	f.Add("AQ", make([]byte, 64))
	f.Fuzz(func(t *testing.T, text string, body []byte) {
		fresh, err := New([32]byte{3})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fresh.Open(text, ViewOf(sample()), now); err == nil {
			t.Errorf("%q opened", text)
		}
		if len(body) >= nonceSize+8 {
			_, _ = parse(body)
		}
	})
}

func BenchmarkSealOpen(b *testing.B) {
	c, g := codec(b), sample()
	for b.Loop() {
		text, err := c.Seal(g)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Open(text, ViewOf(g), now); err != nil {
			b.Fatal(err)
		}
	}
}
