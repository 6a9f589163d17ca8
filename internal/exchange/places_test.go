package exchange

import (
	"slices"
	"strings"
	"testing"

	"cloakroom/internal/access"
)

// FuzzPlaces writes placeholders anywhere into a request of which one place is
// granted. Values stand in that place or nowhere, and bring no line's end.
func FuzzPlaces(f *testing.F) {
	for _, seed := range [][3]string{
		{"/x?key=P", "authorization", "Bearer P"}, {"/P/x", "x-named", "P P"}, {"/x", "cookie", "session=P; a=P"},
		{"/x?key=P&key=P#", "authorization", "Basic UA=="}, {"/x?a=P", "x-api-key", "PP"}, {"/a;P/../P?=P&P", "x-note", "P"},
		{"/%50", "cookie", `session="P"`}, {"//P", "proxy-authorization", "P"}, {"/x", "range", "P"},
	} {
		f.Add(seed[0], seed[1], seed[2], true, uint8(0))
		f.Add(seed[0], seed[1], seed[2], false, uint8(3))
	}
	f.Fuzz(func(t *testing.T, path, name, value string, inHeader bool, which uint8) {
		credentials := []string{"plain", "slashed", "semi", "colon", "newline", "nul"}
		credential := credentials[int(which)%len(credentials)]
		text := func(s string) string { return strings.ReplaceAll(s, "P", named(credential)) }
		name = strings.ToLower(name)
		if strings.ContainsAny(name+value, "\r\n\x00") { // Envoy refuses these
			t.Skip()
		}
		w := newWorld(t)
		in := "query:key"
		if inHeader {
			in = "header:x-named"
		}
		h := head(text(path), name, text(value), "x-named", text("P"))
		change, refused, err := w.begin().RequestHead(w.granted(t, h, use(t, credential, in)))
		if err != nil {
			t.Fatal(err)
		}
		if refused != nil {
			if change.Path != "" || len(change.Set) > 0 {
				t.Fatalf("a refusal with a change: %v", change)
			}
			return
		}
		v := values[credential]
		for _, line := range change.Set {
			if strings.Contains(line.Value, v) && (!inHeader || line.Name != "x-named") {
				t.Fatalf("a value at %q", line.Name)
			}
			if strings.ContainsAny(line.Value, "\r\n\x00") {
				t.Fatalf("%q holds a line's end", line.Name)
			}
		}
		before, query, _ := strings.Cut(change.Path, "?")
		encoded := percentEncode([]byte(v))
		if strings.Contains(before, encoded) || inHeader && strings.Contains(query, encoded) || strings.ContainsAny(change.Path, "\r\n\x00") {
			t.Fatalf("path %q", change.Path)
		}
		// on a path that has one reading, what was granted is put in
		if inHeader && path == "/x" && !slices.Contains(change.Set, access.Header{Name: "x-named", Value: strings.ReplaceAll(text("P"), named(credential), v)}) {
			t.Fatalf("the granted place was left: %v", change.Set)
		}
	})
}
