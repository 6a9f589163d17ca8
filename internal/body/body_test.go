package body

import (
	"errors"
	"strings"
	"testing"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
)

var (
	key    = inventory.Key{5}
	target = access.Target{Method: "POST", Host: "h", Path: "/t"}
)

func newSet(t *testing.T) *inventory.Set {
	t.Helper()
	var in []access.Location
	for _, text := range []string{"body:/s", "form:s", "message:/s", "header"} {
		l, err := access.ParseLocation(text)
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, l)
	}
	set, err := inventory.New(key, []inventory.Credential{{Name: "a", Rules: []inventory.Rule{
		{Hosts: []string{"h"}, Methods: []string{"POST"}, Paths: []string{"/t"}, In: in}}}}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// told writes where a placeholder was found, in its place.
func told(text string, found []inventory.Found) (string, error) {
	f := found[0]
	return text[:f.Start] + "<" + f.At.String() + ">" + text[f.End:], nil
}

func typed(contentType string, more ...access.Header) []access.Header {
	return append([]access.Header{{Name: "content-type", Value: contentType}}, more...)
}

func TestRead(t *testing.T) {
	p := key.Placeholder("a")
	for _, tt := range []struct {
		name, contentType, body, want string
	}{
		{"JSON", "application/json", `{"s":"x ` + p + `","q":"` + p + `"}`, `{"s":"x <body:/s>","q":"` + p + `"}`},
		{"a form", "application/x-www-form-urlencoded", "s=" + p + "&q=" + p, "s=<form:s>&q=" + p},
		{"parts", "multipart/form-data; boundary=B", "--B\r\ncontent-disposition: form-data; name=s\r\n\r\n" + p + "\r\n--B--", "--B\r\ncontent-disposition: form-data; name=s\r\n\r\n<form:s>\r\n--B--"},
		{"nothing that looks like one", "application/json", `{"s":"x"}`, `{"s":"x"}`},
	} {
		r, err := Open(newSet(t), target, typed(tt.contentType, access.Header{Name: "content-encoding", Value: "identity"}), told)
		if r == nil || err != nil {
			t.Fatalf("%s: %v, %v", tt.name, r, err)
		}
		if got, err := r.Append(nil, []byte(tt.body), true); err != nil || string(got) != tt.want {
			t.Errorf("%s: got %q, %v", tt.name, got, err)
		}
	}
}

func TestNothingToRead(t *testing.T) {
	set := newSet(t)
	for name, tt := range map[string]struct {
		target  access.Target
		headers []access.Header
	}{
		"another path":           {access.Target{Method: "POST", Host: "h", Path: "/u"}, typed("application/json")},
		"another type":           {target, typed("text/plain")},
		"no type":                {target, nil},
		"two types":              {target, append(typed("application/json"), typed("application/json")...)},
		"another and compressed": {access.Target{Method: "POST", Host: "h", Path: "/u"}, typed("application/json", access.Header{Name: "content-encoding", Value: "x"})},
	} {
		if r, err := Open(set, tt.target, tt.headers, told); r != nil || err != nil {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
}

func TestMessage(t *testing.T) {
	p := key.Placeholder("a")
	got, err := Message(newSet(t), target, []byte(`{"s":"`+p+`"}`), told)
	if err != nil || string(got) != `{"s":"<message:/s>"}` {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := Message(newSet(t), target, []byte("s"), told); Code(err) != access.Denied || err == nil {
		t.Errorf("no JSON: %v", err)
	}
}

func TestCodes(t *testing.T) {
	own := errors.New("own")
	for _, tt := range []struct {
		name, body string
		headers    []access.Header
		replace    Replace
		code       access.Code
		err        error
	}{
		{"compressed", "", typed("application/json", access.Header{Name: "content-encoding", Value: "x-none"}), told, access.Unsupported, nil},
		{"another charset", "", typed("application/json; charset=utf-16"), told, access.Denied, nil},
		{"not compressed as it says", "{}", typed("application/json", access.Header{Name: "content-encoding", Value: "gzip"}), told, access.Denied, nil},
		{"no JSON", "x", typed("application/json"), told, access.Denied, nil},
		{"a long field", `{"s":"` + strings.Repeat("x", 65<<10) + `"}`, typed("application/json"), told, access.TooLarge, nil},
		{"many", "s=" + strings.Repeat(key.Placeholder("a"), inventory.MaxFound+1), typed("application/x-www-form-urlencoded"), told, access.TooLarge, nil},
		{"the replacer's own", `{"s":"` + key.Placeholder("a") + `"}`, typed("application/json"), func(string, []inventory.Found) (string, error) { return "", own }, access.Denied, own},
	} {
		r, err := Open(newSet(t), target, tt.headers, tt.replace)
		if r != nil {
			_, err = r.Append(nil, []byte(tt.body), true)
		}
		r.Close()
		if err == nil || Code(err) != tt.code || tt.err != nil && !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, code %s", tt.name, err, Code(err))
		}
	}
}
