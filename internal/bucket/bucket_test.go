package bucket

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// TestTry tells a store that can be used from one that refuses and one that is down.
func TestTry(t *testing.T) {
	answering := func(status int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(s.Close)
		return "s3://b?region=x&use_path_style=true&endpoint=" + s.URL
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
	for name, row := range map[string]struct {
		at   string
		want error
	}{
		"a folder":           {"file://" + t.TempDir(), nil},
		"no such bucket":     {answering(http.StatusNotFound), ErrRefused},
		"not allowed":        {answering(http.StatusForbidden), ErrRefused},
		"a fault of its own": {answering(http.StatusServiceUnavailable), ErrSilent},
		"nobody listens":     {"s3://b?region=x&use_path_style=true&endpoint=http://127.0.0.1:1", ErrSilent},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := Open(t.Context(), row.at)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			if err := Try(t.Context(), row.at, b, "x.probe"); !errors.Is(err, row.want) {
				t.Errorf("got %v, want %v", err, row.want)
			}
		})
	}
	if _, err := Open(t.Context(), "file:///no/such/folder"); !errors.Is(err, ErrRefused) {
		t.Errorf("no such folder: %v", err)
	}
}

// A store whose every answer is a refusal gives errors, whatever is written: the
// Writer of Azure's driver panics then.
func TestPutIsRefused(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer s.Close()
	t.Setenv("AZURE_STORAGE_ACCOUNT", "a")
	t.Setenv("AZURE_STORAGE_KEY", "aGVsbG8=")
	b, err := Open(t.Context(), "azblob://b?protocol=http&localemu=true&domain="+strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := Put(t.Context(), b, "x", strings.NewReader("text"), nil); err == nil {
		t.Error("it was written")
	}
}

func TestErrorsAreShort(t *testing.T) {
	long := oneLine{errors.New("GET x\n----------\nRESPONSE 403\n<?xml version\n<Error>" + strings.Repeat("é", 9000))}
	if got := long.Error(); got != "GET x RESPONSE 403" {
		t.Errorf("got %q", got)
	}
	if got := (oneLine{errors.New(strings.Repeat("a ", 9000))}).Error(); len(got) > 400 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestNameAndHint(t *testing.T) {
	for at, want := range map[string]string{
		"s3://b?region=x&endpoint=y": "s3://b", "gs://b": "gs://b", "azblob://c?domain=z": "azblob://c", "file:///a/b": "file:///a/b", "%": "bucket",
	} {
		if got := Name(at); got != want {
			t.Errorf("%q is named %q, want %q", at, got, want)
		}
		if Hint(at) == "" {
			t.Errorf("no hint for %q", at)
		}
	}
}

// A folder holds the objects and nothing beside them.
func TestAFolderHasItsObjectsAlone(t *testing.T) {
	dir := t.TempDir()
	for _, at := range []string{"file://" + dir, "file://" + dir + "?metadata="} {
		b, err := Open(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if err := Put(t.Context(), b, "x", strings.NewReader("text"), nil); err != nil {
			t.Fatal(err)
		}
		if files, err := os.ReadDir(dir); err != nil || (len(files) == 1) != (at == "file://"+dir) {
			t.Errorf("%s: %v, %v", at, files, err)
		}
	}
}
