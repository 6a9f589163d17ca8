package corpus

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestTextsHaveTheirLengthAndNoValue(t *testing.T) {
	values := Values(100)
	for name, make := range map[string]func(int) []byte{
		"JSON": JSON, "Base64": Base64, "Random": Random, "Events": Events, "Lines": Lines, "Escapes": Escapes,
	} {
		text := make(100_000)
		if len(text) != 100_000 || !bytes.Equal(text, make(100_000)) {
			t.Errorf("%s: %d bytes, or other bytes at the second time", name, len(text))
		}
		for _, v := range values {
			if bytes.Contains(text, v) {
				t.Errorf("%s holds a value", name)
			}
		}
	}
}

func TestJSONIsJSON(t *testing.T) {
	d := json.NewDecoder(bytes.NewReader(JSON(100_000)))
	for n := 0; ; n++ {
		var v map[string]any
		if err := d.Decode(&v); err != nil {
			if n < 20 { // the last one is cut
				t.Errorf("after %d objects: %v", n, err)
			}
			return
		}
	}
}

func TestValues(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range Values(10_000) {
		if len(v) < 20 || len(v) > 192 || seen[string(v)] {
			t.Fatalf("a value of %d bytes, seen before: %t", len(v), seen[string(v)])
		}
		seen[string(v)] = true
	}
}
