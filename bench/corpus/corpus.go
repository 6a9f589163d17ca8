// Package corpus makes what the benches measure with: credentials, and texts
// like those in which services would give them back. The same arguments give
// the same bytes, and no text holds a value.
//
// The texts imitate what public APIs answer in shape and density (URLs, hashes,
// numbers, prose with line breaks and quotes, escaped slashes); they are not
// recordings, and are deliberately not chosen to suit a scanner.
package corpus

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
)

// JSON returns n bytes of answers as GitHub, OpenAI, Stripe and Slack write
// them: one object behind the other, the last one cut.
func JSON(n int) []byte {
	w := newWriter(1)
	return w.fill(n, func(b *bytes.Buffer) {
		switch w.IntN(4) {
		case 0:
			encode(b, w.issue(), "")
		case 1:
			encode(b, w.completion(), "  ")
		case 2:
			encode(b, w.charge(), "  ")
		case 3:
			var one bytes.Buffer
			encode(&one, w.message(), "")
			b.Write(bytes.ReplaceAll(one.Bytes(), []byte("/"), []byte(`\/`))) // as PHP does
		}
	})
}

// Base64 returns n characters of base64 without line breaks.
func Base64(n int) []byte {
	return base64.StdEncoding.AppendEncode(nil, Random(n*3/4+3))[:n]
}

// Random returns n bytes of which none tells of another.
func Random(n int) []byte {
	text := make([]byte, n)
	rand.NewChaCha8([32]byte{2}).Read(text)
	return text
}

// Events returns n bytes of server-sent events that each bring a few letters,
// as chat completions stream.
func Events(n int) []byte {
	w := newWriter(3)
	id := "chatcmpl-" + w.letters(29)
	return w.fill(n, func(b *bytes.Buffer) {
		b.WriteString("data: ")
		encode(b, w.delta(id), "")
		b.WriteString("\n")
	})
}

// Lines returns n bytes of NDJSON as a service logs.
func Lines(n int) []byte {
	w := newWriter(4)
	return w.fill(n, func(b *bytes.Buffer) { encode(b, w.line(), "") })
}

// writer draws what texts are made of.
type writer struct{ *rand.Rand }

func newWriter(seed uint64) writer { return writer{rand.New(rand.NewPCG(seed, 1))} }

// fill writes until there are n bytes, which it returns.
func (w writer) fill(n int, write func(*bytes.Buffer)) []byte {
	var b bytes.Buffer
	b.Grow(n + 16<<10)
	for b.Len() < n {
		write(&b)
	}
	return b.Bytes()[:n]
}

func encode(b *bytes.Buffer, v any, indent string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		panic(err) // maps of strings and numbers always encode
	}
}
