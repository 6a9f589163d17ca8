package replace

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"strings"
	"testing"
)

const awkward = `p<a>&s"s'w/o rd+%\~é`

// mask masks text with the one secret "k".
func maskOne(t *testing.T, value, text string) string {
	t.Helper()
	return compile(t, Secret{"k", []byte(value)}).Mask(text, func(name string) string { return "<" + name + ">" }).String()
}

func compile(t testing.TB, secrets ...Secret) *Set {
	t.Helper()
	set, err := Compile(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestTextForms(t *testing.T) {
	plainJSON, err := json.Marshal(awkward)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, text string }{
		{"raw", awkward},
		{"JSON, safe in HTML", strings.Trim(string(plainJSON), `"`)},
		{"JSON", `p<a>&s\"s'w/o rd+%\\~é`},
		{"JSON, slash", `p<a>&s\"s'w\/o rd+%\\~é`},
		{"JSON, ASCII", `p<a>&s\"s'w/o rd+%\\~\u00e9`},
		{"JSON of Gson", `p\u003ca\u003e\u0026s\"s\u0027w/o rd+%\\~é`},
		{"JSON of Jinja", `p\u003ca\u003e\u0026s\"s\u0027w/o rd+%\\~\u00e9`},
		{"JSON of Symfony", `p\u003Ca\u003E\u0026s\u0022s\u0027w\/o rd+%\\~\u00e9`},
		{"JSON of .NET", `p\u003Ca\u003E\u0026s\u0022s\u0027w/o rd\u002B%\\~\u00E9`},
		{"path", url.PathEscape(awkward)},
		{"path, lower hex", `p%3ca%3e&s%22s%27w%2fo%20rd+%25%5c~%c3%a9`},
		{"query", url.QueryEscape(awkward)},
		{"query, lower hex", `p%3ca%3e%26s%22s%27w%2fo+rd%2b%25%5c~%c3%a9`},
		{"query, space by percent", strings.ReplaceAll(url.QueryEscape(awkward), "+", "%20")},
		{"encodeURIComponent", `p%3Ca%3E%26s%22s'w%2Fo%20rd%2B%25%5C~%C3%A9`},
		{"encodeURI", `p%3Ca%3E&s%22s'w/o%20rd+%25%5C~%C3%A9`},
		{"all but letters and digits", `p%3Ca%3E%26s%22s%27w%2Fo%20rd%2B%25%5C%7E%C3%A9`},
		{"form of the URL standard", `p%3Ca%3E%26s%22s%27w%2Fo+rd%2B%25%5C%7E%C3%A9`},
		{"HTML", html.EscapeString(awkward)},
		{"HTML, quot and 39", `p&lt;a&gt;&amp;s&quot;s&#39;w/o rd+%\~é`},
		{"HTML, quot and apos", `p&lt;a&gt;&amp;s&quot;s&apos;w/o rd+%\~é`},
		{"HTML, quotes left", `p&lt;a&gt;&amp;s"s'w/o rd+%\~é`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, around := range [][2]string{{"", ""}, {"x", "y"}, {`{"key":"`, `","n":1}`}} {
				got := maskOne(t, awkward, around[0]+test.text+around[1])
				if want := around[0] + "<k>" + around[1]; got != want {
					t.Errorf("%q: got %q, want %q", test.text, got, want)
				}
			}
		})
	}
}

// Keys in base64 end in "=" and hold "+" and "/".
func TestJSONOfKeysInBase64(t *testing.T) {
	const key = "kZ3/v+Q9x1LmT7rW2aB=="
	for _, text := range []string{
		`kZ3/v+Q9x1LmT7rW2aB\u003d\u003d`, `kZ3/v\u002BQ9x1LmT7rW2aB==`, `kZ3\/v+Q9x1LmT7rW2aB==`,
	} {
		if got := maskOne(t, key, `{"key":"`+text+`"}`); got != `{"key":"<k>"}` {
			t.Errorf("%s: got %s", text, got)
		}
	}
}

func TestHexForms(t *testing.T) {
	const value = "sk-live-0123\xff"
	lower := hex.EncodeToString([]byte(value))
	if got, want := maskOne(t, value, "x"+lower+"f"), "x"+strings.Repeat("2a", len(value))+"f"; got != want {
		t.Errorf("lower: got %q, want %q", got, want)
	}
	upper := strings.ToUpper(lower)
	if got, want := maskOne(t, value, "x"+upper+"f"), "x"+strings.Repeat("2A", len(value))+"f"; got != want {
		t.Errorf("upper: got %q, want %q", got, want)
	}
}

// TestBase64Forms decodes what was masked: the value has become asterisks, and
// nothing else has changed.
func TestBase64Forms(t *testing.T) {
	encodings := map[string]*base64.Encoding{
		"std": base64.StdEncoding, "raw std": base64.RawStdEncoding,
		"url": base64.URLEncoding, "raw url": base64.RawURLEncoding,
	}
	values := []string{"12345678", "123456789", "1234567890", "\xfb\xff\xbf\xfe\xff\xfb\xef\xbe\xff\xff", "ghp_16C7e42F292c6912E7"}
	for name, encoding := range encodings {
		for _, value := range values {
			for before := range 7 {
				for after := range 4 {
					head, tail := "\xff\x00\xa5user:"[7-before:], "\xff~\x00"[:after]
					text := encoding.EncodeToString([]byte(head + value + tail))
					got, err := encoding.DecodeString(maskOne(t, value, text))
					want := head + strings.Repeat("*", len(value)) + tail
					if err != nil || string(got) != want {
						t.Errorf("%s, %q at %d of %q: got %q (%v), want %q", name, value, before, text, got, err, want)
					}
				}
			}
		}
	}
}

// TestBase64EdgeTellsNothing tries every character beside a core: were those
// left alone that do not hold the value's bits, they would tell the bits.
func TestBase64EdgeTellsNothing(t *testing.T) {
	core := coreOf("12345678", 1) // behind one byte: an edge on each side
	for i := range len(alphabet) {
		c := alphabet[i : i+1]
		got := maskOne(t, "12345678", c+core+"=")
		if v, _ := sextet(got[0]); v != byte(i)&0b110000|0b0010 {
			t.Errorf("%s: got %q", c, got)
		}
	}
}

// TestBase64Overlap encodes texts in which two values overlap.
func TestBase64Overlap(t *testing.T) {
	set := compile(t, Secret{"a", []byte("abcdefgh1234")}, Secret{"b", []byte("1234ijklmnop")})
	for before := range 6 {
		for after := range 3 {
			head, tail := "before"[6-before:], "after"[:after]
			text := base64.StdEncoding.EncodeToString([]byte(head + "abcdefgh1234ijklmnop" + tail))
			got, err := base64.StdEncoding.DecodeString(set.Mask(text, nil).String())
			if want := head + strings.Repeat("*", 20) + tail; err != nil || string(got) != want {
				t.Errorf("behind %q: got %q (%v), want %q", head, got, err, want)
			}
		}
	}
}

func TestLines(t *testing.T) {
	const key = "-----BEGIN KEY-----\r\nMIIEpAIBAAKCAQEA7bq0\r\nshort\r\nqZ1vXr5t3y6u8i0oPpAa\r\nqZ1vXr5t3y6u8i0o\r\nzZ1vXr5t3y6u8i0\r\n-----END KEY-----\r\n"
	escaped := strings.ReplaceAll(key, "\r\n", `\r\n`)
	tests := []struct{ name, text, want string }{
		{"whole", "a" + key + "b", "a<k>b"},
		{"whole in JSON", `{"key":"` + escaped + `"}`, `{"key":"<k>"}`},
		{"other ends", "a MIIEpAIBAAKCAQEA7bq0\nshort\nqZ1vXr5t3y6u8i0oPpAa b", "a <k>\nshort\n<k> b"},
		{"as long as it must be", "-qZ1vXr5t3y6u8i0o-", "-<k>-"},
		{"too short", "-zZ1vXr5t3y6u8i0-", "-zZ1vXr5t3y6u8i0-"},
		{"armour", "-----BEGIN KEY-----\nanother\n-----END KEY-----\n", "-----BEGIN KEY-----\nanother\n-----END KEY-----\n"},
		{"a line in hex", hex.EncodeToString([]byte("qZ1vXr5t3y6u8i0oPpAa")), strings.Repeat("2a", 20)},
	}
	for _, test := range tests {
		if got := maskOne(t, key, test.text); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	tests := []struct {
		name    string
		secrets []Secret
	}{
		{"short", []Secret{{"k", []byte("1234567")}}},
		{"empty", []Secret{{"k", nil}}},
		{"nameless", []Secret{{"", []byte("12345678")}}},
		{"the second", []Secret{{"k", []byte("12345678")}, {"l", []byte("canary")}}},
	}
	for _, test := range tests {
		set, err := Compile(test.secrets)
		if err == nil || set != nil {
			t.Errorf("%s: got %v, want an error", test.name, set)
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error tells the value: %v", test.name, err)
		}
	}
}

func coreOf(v string, before int) string {
	return string(appendCore(nil, append([]byte{0, 0}, v...), before))
}
