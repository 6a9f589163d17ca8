package transcript

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cloakroom/internal/access"
	"cloakroom/internal/recording"
)

// harSchema is the schema of HAR 1.2 (npm's har-schema).
func harSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	files, err := filepath.Glob("testdata/har-schema/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err == nil {
			err = c.AddResource("https://har.example/"+filepath.Base(path), doc)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile("https://har.example/har.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestHARUntilAnError is a document with what came before the error.
func TestHARUntilAnError(t *testing.T) {
	broken, xs := errors.New("broken"), session()
	var b bytes.Buffer
	err := WriteHAR(&b, func(yield func(*Exchange, error) bool) {
		_ = yield(&xs[0], nil) && yield(nil, broken)
	}, "http", "1")
	var doc struct {
		Log struct{ Entries []json.RawMessage }
	}
	if !errors.Is(err, broken) || json.Unmarshal(b.Bytes(), &doc) != nil || len(doc.Log.Entries) != 1 {
		t.Errorf("got %v and %s", err, b.Bytes())
	}
}

func har(t *testing.T, xs []Exchange) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteHAR(&b, each(xs), "http", "1"); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestHARIsValid(t *testing.T) {
	schema := harSchema(t)
	bare := exchange(6, "GET", "*")
	bare.End, bare.Recording = nil, nil
	for name, xs := range map[string][]Exchange{"nothing": nil, "a session": session(), "hardly anything": {bare}} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(har(t, xs)))
		if err == nil {
			err = schema.Validate(doc)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := strings.Replace(string(har(t, session())), `"startedDateTime"`, `"_started"`, 1)
	if doc, err := jsonschema.UnmarshalJSON(strings.NewReader(broken)); err != nil || schema.Validate(doc) == nil {
		t.Errorf("the schema takes anything: %v", err)
	}
}

func TestHAR(t *testing.T) {
	golden(t, "session.har", string(har(t, session())))
}

// HAR can be looked at in a terminal, and means the same.
func TestHARIsPrinted(t *testing.T) {
	x := exchange(1, "GET", "/")
	text := "\x1b[2J\u202e\U000e0041\u009b\ufffd plain äöü \\ \""
	x.request("GET", "/")
	x.response(1, 200, "text/plain")
	x.piece(2, recording.Got, text, nil)
	b := har(t, []Exchange{x})
	if !Harmless(b) {
		t.Errorf("not printed as itself: %q", b)
	}
	var doc struct{ Log struct{ Entries []harEntry } }
	if err := json.Unmarshal(b, &doc); err != nil || doc.Log.Entries[0].Response.Content.Text != text {
		t.Errorf("%v: got %q, want %q", err, doc.Log.Entries[0].Response.Content.Text, text)
	}
}

// What is no text comes back byte for byte.
func TestHARKeepsBytes(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	x := exchange(1, "POST", "/")
	x.request("POST", "/", access.Header{Name: "content-type", Value: "application/octet-stream"})
	x.piece(1, recording.Sent, string(all), nil)
	x.response(2, 200, "application/octet-stream")
	x.piece(3, recording.Got, string(all), nil)
	var doc struct{ Log struct{ Entries []harEntry } }
	if err := json.Unmarshal(har(t, []Exchange{x}), &doc); err != nil {
		t.Fatal(err)
	}
	post, got := doc.Log.Entries[0].Request.Post, doc.Log.Entries[0].Response.Content
	for _, body := range []struct{ text, encoding string }{{post.Text, post.Encoding}, {got.Text, got.Encoding}} {
		if plain, err := base64.StdEncoding.DecodeString(body.text); err != nil || body.encoding != "base64" || !bytes.Equal(plain, all) {
			t.Errorf("got %q as %q, %v", body.text, body.encoding, err)
		}
	}
}
