package fields

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// loud writes the text of declared fields in upper case, and marks its ends.
func loud(dst []byte, f Field) ([]byte, error) {
	return append(append(append(dst, '['), bytes.ToUpper(f.Text)...), ']'), nil
}

var declared = Declared{Pointers: []string{"/k", "/a/b", "/l/1/k", "/l/0", "/x~1y~0z"}, Names: []string{"k", "a b"}}

// crlf writes a multipart form of boundary B.
func crlf(lines ...string) string { return strings.Join(lines, "\r\n") }

const part = `content-disposition: form-data; name="k"`

var rewriteTests = []struct {
	name, contentType, in, want string
	err                         error
}{
	{"a member", "application/json", `{"k": "v"}`, `{"k": "[V]"}`, nil},
	{"another member", "application/json", `{"q":"v","kk":"v","K":"v"}`, "", nil},
	{"spaces and numbers stay", "application/json", " {\n\t\"n\" : -1.50e+2 , \"k\":\"v\" } \n", " {\n\t\"n\" : -1.50e+2 , \"k\":\"[V]\" } \n", nil},
	{"a member of a member", "application/json", `{"a":{"b":"v","k":"v"},"b":"v"}`, `{"a":{"b":"[V]","k":"v"},"b":"v"}`, nil},
	{"twice", "application/json", `{"k":"v","k":"w"}`, `{"k":"[V]","k":"[W]"}`, nil},
	{"an escaped name", "application/json", `{"\u006b":"v"}`, `{"\u006b":"[V]"}`, nil},
	{"a name with a slash", "application/json", `{"x/y~z":"v"}`, `{"x/y~z":"[V]"}`, nil},
	{"items", "application/json", `{"l":["v",{"k":"v"},{"k":"v"}]}`, `{"l":["[V]",{"k":"[V]"},{"k":"v"}]}`, nil},
	{"an object where an array was meant", "application/json", `{"l":{"0":"v"}}`, `{"l":{"0":"[V]"}}`, nil},
	{"a pointer into a string", "application/json", `{"a":"{\"b\":\"v\"}"}`, "", nil},
	{"no string", "application/json", `{"k":1,"a":{"b":{"b":"v"}},"l":[null,[true,false]]}`, "", nil},
	{"deeper than declared", "application/json", `{"k":{"k":"v"}}`, "", nil},
	{"runs between escapes", "application/json", `{"k":"a\\b\u0063\"d"}`, `{"k":"[A]\\[B]\u0063\"[D]"}`, nil},
	{"an escape first", "application/json", `{"k":"\/v"}`, `{"k":"\/[V]"}`, nil},
	{"a JSON text of another type", "application/vnd.x+json; charset=UTF-8", `{"k":"v"}`, `{"k":"[V]"}`, nil},
	{"a type that begins as a form's", "application/x-www-form-urlencoded+json", `{"q":"&q=","k":"v"}`, "", nil},
	{"a type in which a form's stands", `application/json; x="multipart/form-data"`, `{"k":"v"}`, "", nil},
	{"nothing", "application/json", ``, "", nil},
	{"a string alone", "application/json", `"v"`, "", nil},
	{"a byte order mark", "application/json", "\ufeff{\"k\":\"v\"}", "", ErrJSON},
	{"UTF-16", "application/json", "{\x00\"\x00k\x00\"\x00:\x00\"\x00v\x00\"\x00}\x00", "", ErrJSON},
	{"UTF-16, and said so", "application/json; charset=utf-16", "{}", "", ErrCharset},
	{"characters of every length", "application/json", `{"q":"é€😀","k":"é€😀"}`, `{"q":"é€😀","k":"[É€😀]"}`, nil},
	{"an overlong quote", "application/json", "{\"k\":\"x\xc0\xa2,\xc0\xa2q\xc0\xa2:\xc0\xa2v\"}", "", ErrJSON},
	{"half a character", "application/json", "{\"q\":\"\xe2\x82\"}", "", ErrJSON},
	{"half a surrogate pair", "application/json", "{\"q\":\"\xed\xa0\x80\"}", "", ErrJSON},
	{"Latin-1", "application/json", "{\"q\":\"\xe9\"}", "", ErrJSON},
	{"two texts", "application/json", `{} {}`, "", ErrJSON},
	{"a comment", "application/json", `{/*"*/"k":"v"}`, "", ErrJSON},
	{"a comma too many", "application/json", `{"k":"v",}`, "", ErrJSON},
	{"a comma too few", "application/json", `{"k":"v" "a":1}`, "", ErrJSON},
	{"cut", "application/json", `{"k":"v"`, "", ErrJSON},
	{"not a number", "application/json", `[NaN]`, "", ErrJSON},
	{"a number with zeros", "application/json", `[01]`, "", ErrJSON},
	{"a line's end in a string", "application/json", "[\"\n\"]", "", ErrJSON},
	{"an escape of no kind", "application/json", `{"k":"\x41"}`, "", ErrJSON},
	{"a form in JSON", "application/json", `k=v`, "", ErrJSON},
	{"too deep", "application/json", strings.Repeat("[", maxDepth+1), "", ErrDepth},
	{"too long", "application/json", `{"k":"` + strings.Repeat("v", maxField+1) + `"}`, "", ErrTooLong},
	{"long where nothing is declared", "application/json", `{"q":"` + strings.Repeat("v", maxField+1) + `"}`, "", nil},

	{"a field", "application/x-www-form-urlencoded", "q=v&k=v&kk=v", "q=v&k=[V]&kk=v", nil},
	{"a field twice, and last", "application/x-www-form-urlencoded", "k=v&k=w", "k=[V]&k=[W]", nil},
	{"a field whose name is escaped", "application/x-www-form-urlencoded", "%6b=v&a+b=v&a%20b=v", "%6b=[V]&a+b=[V]&a%20b=[V]", nil},
	{"a name that hides another", "application/x-www-form-urlencoded", "q%26k=v&q;k=v&k[]=v&k", "", nil},
	{"a value with signs", "application/x-www-form-urlencoded", "k=a=b%26c;d", "k=[A=B%26C;D]", nil},
	{"no value", "application/x-www-form-urlencoded", "k=&&=&k=", "k=[]&&=&k=[]", nil},
	{"JSON in a form", "application/x-www-form-urlencoded", `{"note":"&k=v&"}`, "", ErrForm},
	{"a space in a form", "application/x-www-form-urlencoded", `note: &k=v`, "", ErrForm},
	{"a form too long", "application/x-www-form-urlencoded", "k=" + strings.Repeat("v", maxField+1), "", ErrTooLong},
	{"a form in another charset", "application/x-www-form-urlencoded; charset=utf-7", "k=v", "", ErrCharset},

	{"a form that names its charset", "application/x-www-form-urlencoded", "k=v&_charset%5f=utf-16", "", ErrCharset},
	{"parts that name their charset", "multipart/form-data; boundary=B", crlf("--B", `content-disposition: form-data; name=_charset_`, "", "utf-16", "--B", part, "", "v", "--B--"), "", ErrCharset},

	{"a part", "multipart/form-data; boundary=B", crlf("--B", part, "", "v", "--B--", ""), crlf("--B", part, "", "[V]", "--B--", ""), nil},
	{"two parts of one name", "multipart/form-data; boundary=B", crlf("--B", part, "", "v", "--B", part, "", "", "--B--"), crlf("--B", part, "", "[V]", "--B", part, "", "[]", "--B--"), nil},
	{"a part without quotes", "multipart/form-data; boundary=\"B\"", crlf("--B", "Content-Disposition:form-data;name=k", "Content-Type: text/plain; charset=UTF-8", "", "v", "--B--"),
		crlf("--B", "Content-Disposition:form-data;name=k", "Content-Type: text/plain; charset=UTF-8", "", "[V]", "--B--"), nil},
	{"another part", "multipart/form-data; boundary=B", crlf("--B", `content-disposition: form-data; name="kk"`, "", "v", "--B--"), "", nil},
	{"a file", "multipart/form-data; boundary=B", crlf("--B", part+`; filename="f"`, "", "v", "--B--"), "", nil},
	{"a name that is another elsewhere", "multipart/form-data; boundary=B", crlf("--B", part+`; name*=utf-8''q`, "", "v", "--B--"), "", nil},
	{"a name with an escape", "multipart/form-data; boundary=B", crlf("--B", `content-disposition: form-data; name="\k"`, "", "v", "--B--"), "", nil},
	{"a part in base64", "multipart/form-data; boundary=B", crlf("--B", part, "content-transfer-encoding: base64", "", "v", "--B--"), "", nil},
	{"a part in another charset", "multipart/form-data; boundary=B", crlf("--B", part, "content-type: text/plain; charset=utf-16", "", "v", "--B--"), "", nil},
	{"two dispositions", "multipart/form-data; boundary=B", crlf("--B", part, `content-disposition: form-data; name="q"`, "", "v", "--B--"), "", ErrMultipart},
	{"a folded header", "multipart/form-data; boundary=B", crlf("--B", part, ` ; name="q"`, "", "v", "--B--"), "", ErrMultipart},
	{"a boundary behind LF", "multipart/form-data; boundary=B", crlf("--B", part, "", "x\n--B\n"+`content-disposition: form-data; name="q"`+"\n\nv", "--B--"), "", ErrMultipart},
	{"a boundary with spaces", "multipart/form-data; boundary=B", crlf("--B", part, "", "v", "--B ", part, "", "v", "--B--"), "", ErrMultipart},
	{"a boundary that another begins with", "multipart/form-data; boundary=B", crlf("--B", part, "", "v", "--BB", part, "", "v", "--B--"), "", ErrMultipart},
	{"a preamble", "multipart/form-data; boundary=B", crlf("x", "--B", part, "", "v", "--B--"), "", ErrMultipart},
	{"an epilogue", "multipart/form-data; boundary=B", crlf("--B", part, "", "v", "--B--", "x"), "", ErrMultipart},
	{"parts that do not end", "multipart/form-data; boundary=B", crlf("--B", part, "", "v"), "", ErrMultipart},
	{"lines that end in LF", "multipart/form-data; boundary=B", "--B\n" + part + "\n\nv\n--B--", "", ErrMultipart},
	{"no boundary", "multipart/form-data", "", "", ErrMultipart},
	{"a boundary with an escape", `multipart/form-data; boundary="B\/C"`, crlf("--B/C", part, "", "v", "--B/C--"), "", ErrMultipart},
	{"a boundary that some end at its comma", `multipart/form-data; boundary="B,C"`, crlf("--B,C", part, "", "v", "--B,C--"), "", ErrMultipart},
	{"a boundary in another one's name", "multipart/form-data; xboundary=A; boundary=B", crlf("--B", part, "", "v", "--B--"), "", ErrMultipart},
	{"a boundary in a text", `multipart/form-data; x="boundary=A"; boundary=B`, crlf("--B", part, "", "v", "--B--"), "", ErrMultipart},
	{"a boundary in a boundary", `multipart/form-data; boundary="boundary=B"`, crlf("--boundary=B", part, "", "v", "--boundary=B--"), "", ErrMultipart},
	{"a boundary and a charset", `multipart/form-data; charset=utf-8; boundary="alamofire.boundary.0Ab-_+"`, crlf("--alamofire.boundary.0Ab-_+", part, "", "v", "--alamofire.boundary.0Ab-_+--"),
		crlf("--alamofire.boundary.0Ab-_+", part, "", "[V]", "--alamofire.boundary.0Ab-_+--"), nil},
	{"a boundary in two pieces", "multipart/form-data; boundary*0=B; boundary*1=C", "", "", ErrMultipart},
	{"a part too long", "multipart/form-data; boundary=B", crlf("--B", part, "", strings.Repeat("v", maxField+100)), "", ErrTooLong},

	{"gRPC", "application/grpc+json", "\x00\x00\x00\x00\x00", "", nil},
	{"another type", "text/plain", `{"k":"v"}`, "", nil},
	{"a type that is none", "application/json; charset", `{"k":"v"}`, "", nil},
}

// TestRewrite gives each message whole, byte by byte, and in two pieces of every
// length. No want means that nothing changes.
func TestRewrite(t *testing.T) {
	for _, tt := range rewriteTests {
		want := tt.want
		if want == "" {
			want = tt.in
		}
		sizes := []int{len(tt.in) + 1, 1, 2, 3, 7}
		for i := 1; i < len(tt.in) && i < 200; i++ {
			sizes = append(sizes, -i)
		}
		for _, size := range sizes {
			got, err := rewrite(tt.contentType, tt.in, size, loud)
			if !errors.Is(err, tt.err) || err == nil && got != want {
				t.Fatalf("%s, cut at %d: got %q, %v; want %q, %v", tt.name, size, got, err, want, tt.err)
			}
		}
	}
}

// rewrite gives a message in pieces of size bytes; -n: in two, of which the
// first has n.
func rewrite(contentType, in string, size int, fill Fill) (string, error) {
	r, err := Open([]string{contentType}, declared, fill)
	if r == nil || err != nil {
		return in, err
	}
	var out []byte
	first := true
	for {
		n := min(len(in), max(size, -size))
		if size < 0 && !first {
			n = len(in)
		}
		first = false
		piece := []byte(in[:n])
		in = in[n:]
		if out, err = r.Append(out, piece, in == ""); err != nil || in == "" {
			return string(out), err
		}
		clear(piece) // nobody may look at it any more
	}
}

func TestTwoContentTypesAreNone(t *testing.T) {
	if r, err := Open([]string{"application/json", "application/json"}, declared, loud); r != nil || err != nil {
		t.Errorf("got %v, %v", r, err)
	}
	if r, err := Open([]string{"application/json"}, Declared{Names: []string{"k"}}, loud); r != nil || err != nil {
		t.Errorf("without a pointer: got %v, %v", r, err)
	}
}

func TestAnErrorIsFinal(t *testing.T) {
	own := errors.New("own")
	for _, tt := range rewriteTests {
		if tt.want == "" {
			continue
		}
		r, err := Open([]string{tt.contentType}, declared, func(dst []byte, _ Field) ([]byte, error) { return dst, own })
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := r.Append(nil, []byte(tt.in), true); !errors.Is(err, own) {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
	}
}

func BenchmarkJSON(b *testing.B) {
	text := []byte(`{"messages":[` + strings.Repeat(`{"role":"user","content":"`+strings.Repeat("some words ", 20)+`","n":[1,2.5,true,null]},`, 300) + `{}],"k":"v"}`)
	b.SetBytes(int64(len(text)))
	var out []byte
	for b.Loop() {
		r := NewJSON(declared.Pointers, loud)
		out, _ = r.Append(out[:0], text, true)
	}
}
