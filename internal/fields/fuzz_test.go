package fields

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzJSON: any cutting equals the whole, what is valid is what encoding/json
// takes for valid in UTF-8, and what changes is what its tokens say is declared.
func FuzzJSON(f *testing.F) {
	for _, tt := range rewriteTests {
		if strings.Contains(tt.contentType, "json") {
			f.Add(tt.in, 3)
		}
	}
	f.Fuzz(func(t *testing.T, in string, size int) {
		whole, err := rewrite("application/json", in, len(in)+1, loud)
		cut, cutErr := rewrite("application/json", in, 1+(size&0xff), loud)
		if (err == nil) != (cutErr == nil) || err == nil && cut != whole {
			t.Fatalf("cut: %q, %v; whole: %q, %v", cut, cutErr, whole, err)
		}
		if err == ErrDepth || err == ErrTooLong || strings.Trim(in, " \t\r\n") == "" {
			return
		}
		if valid := json.Valid([]byte(in)) && utf8.ValidString(in); valid != (err == nil) {
			t.Fatalf("valid: %v, and got %v", valid, err)
		}
		if err == nil {
			if want := byTokens(t, in); whole != want {
				t.Fatalf("got  %q\nwant %q", whole, want)
			}
		}
	})
}

var unescaped = regexp.MustCompile(`\\u....|\\.|[^\\]+`)

// byTokens does what loud does, slowly, by encoding/json's own idea of where a
// string stands.
func byTokens(t *testing.T, in string) string {
	var out strings.Builder
	d := json.NewDecoder(strings.NewReader(in))
	d.UseNumber()
	var path []string // a token each; of an array its item's number
	var arrays []bool
	from, name := 0, false
	advance := func() { // a value is over
		if n := len(arrays); n > 0 && arrays[n-1] {
			item, _ := strconv.Atoi(path[n-1])
			path[n-1] = strconv.Itoa(item + 1)
		} else {
			name = n > 0
		}
	}
	for {
		token, err := d.Token()
		if err == io.EOF {
			return out.String() + in[from:]
		}
		if err != nil {
			t.Fatal(err)
		}
		piece := in[from:d.InputOffset()]
		from = int(d.InputOffset())
		switch v := token.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				path, arrays, name = append(path, "0"), append(arrays, v == '['), v == '{'
			} else {
				path, arrays, name = path[:len(path)-1], arrays[:len(arrays)-1], false
				advance()
			}
		case string:
			if name {
				path[len(path)-1], name = v, false
				break
			}
			if slices.Contains(declared.Pointers, pointer(path)) {
				i := strings.IndexByte(piece, '"')
				piece = piece[:i+1] + unescaped.ReplaceAllStringFunc(piece[i+1:len(piece)-1], func(s string) string {
					if s[0] == '\\' {
						return s
					}
					return "[" + string(bytes.ToUpper([]byte(s))) + "]"
				}) + `"`
			}
			advance()
		default:
			advance()
		}
		out.WriteString(piece)
	}
}

func pointer(path []string) string {
	var p string
	for _, token := range path {
		p += "/" + strings.ReplaceAll(strings.ReplaceAll(token, "~", "~0"), "/", "~1")
	}
	return p
}

// FuzzForm: any cutting equals the whole, and every value that changed is one
// that net/url finds under a declared name.
func FuzzForm(f *testing.F) {
	for _, tt := range rewriteTests {
		if strings.Contains(tt.contentType, "urlencoded") {
			f.Add(tt.in, 3)
		}
	}
	f.Fuzz(func(t *testing.T, in string, size int) {
		fill := func(dst []byte, f Field) ([]byte, error) { return append(append(dst, f.Text...), "VALUE"...), nil }
		whole, err := rewrite("application/x-www-form-urlencoded", in, len(in)+1, fill)
		cut, cutErr := rewrite("application/x-www-form-urlencoded", in, 1+(size&0xff), fill)
		if (err == nil) != (cutErr == nil) || err == nil && cut != whole {
			t.Fatalf("cut: %q, %v; whole: %q, %v", cut, cutErr, whole, err)
		}
		before, bad := url.ParseQuery(in)
		after, worse := url.ParseQuery(whole)
		if err != nil || bad != nil || worse != nil || strings.Contains(in, "VALUE") {
			return
		}
		for name, vs := range after {
			for i, v := range vs {
				if strings.HasSuffix(v, "VALUE") && !slices.Contains(declared.Names, name) {
					t.Fatalf("%q under %q", v, name)
				}
				if got := strings.TrimSuffix(v, "VALUE"); got != before[name][i] {
					t.Fatalf("%q under %q was %q", v, name, before[name][i])
				}
			}
		}
	})
}

// FuzzMultipart: any cutting equals the whole, and every text that changed is
// one that mime/multipart finds under a declared name.
func FuzzMultipart(f *testing.F) {
	for _, tt := range rewriteTests {
		if strings.Contains(tt.contentType, "multipart") {
			f.Add(tt.in, 3)
		}
	}
	f.Fuzz(func(t *testing.T, in string, size int) {
		const kind = "multipart/form-data; boundary=B"
		fill := func(dst []byte, f Field) ([]byte, error) { return append(append(dst, f.Text...), "VALUE"...), nil }
		whole, err := rewrite(kind, in, len(in)+1, fill)
		cut, cutErr := rewrite(kind, in, 1+(size&0xff), fill)
		if (err == nil) != (cutErr == nil) || err == nil && cut != whole {
			t.Fatalf("cut: %q, %v; whole: %q, %v", cut, cutErr, whole, err)
		}
		if err != nil || strings.Contains(in, "VALUE") || whole == in {
			return
		}
		if strings.Count(whole, "VALUE") != fieldsOf(t, whole) {
			t.Fatalf("got %q", whole)
		}
	})
}

// fieldsOf counts the declared fields that hold a value, and complains of other
// parts that do.
func fieldsOf(t *testing.T, body string) (n int) {
	r := multipart.NewReader(strings.NewReader(body), "B")
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return n
		}
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		text, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(string(text), "VALUE") {
			n++
			if !slices.Contains(declared.Names, p.FormName()) || p.FileName() != "" {
				t.Errorf("a value under %q", p.FormName())
			}
		}
	}
}
