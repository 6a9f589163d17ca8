package recording

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"cloakroom/internal/bucket"
)

// versioned answers as S3 does of a bucket that keeps versions: of what is asked here.
type versioned struct {
	locked  bool   // versions may not be deleted
	lists   string // the code of the error to a listing of versions; empty: none
	deleted []string
}

func (v *versioned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case r.Method == http.MethodDelete && v.locked:
		refuse(w, "AccessDenied")
	case r.Method == http.MethodDelete:
		v.deleted = append(v.deleted, r.URL.Path+" "+q.Get("versionId"))
		w.WriteHeader(http.StatusNoContent)
	case q.Has("versions") && v.lists != "":
		refuse(w, v.lists)
	case q.Has("versions") && q.Get("prefix") == "below/id-" && r.URL.Path == "/records":
		fmt.Fprint(w, `<ListVersionsResult><IsTruncated>false</IsTruncated>
<DeleteMarker><Key>below/id-1-0-old.pack</Key><VersionId>m1</VersionId><IsLatest>true</IsLatest></DeleteMarker>
<Version><Key>below/id-1-0-old.pack</Key><VersionId>v1</VersionId><IsLatest>false</IsLatest></Version>
<Version><Key>below/id-1-0-new.pack</Key><VersionId>v3</VersionId><IsLatest>true</IsLatest></Version>
<Version><Key>below/id-1-0-new.pack</Key><VersionId>v2</VersionId><IsLatest>false</IsLatest></Version></ListVersionsResult>`)
	case q.Get("list-type") == "2":
		fmt.Fprint(w, `<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>`)
	default:
		refuse(w, "UnexpectedRequest")
	}
}

func refuse(w http.ResponseWriter, code string) {
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
}

// Where S3 keeps versions of what is deleted, these go too, or it is an error.
func TestVersionsAreDeleted(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	for _, c := range []struct {
		name    string
		of      versioned
		deleted []string
		fails   string
	}{
		{"deleted", versioned{}, []string{"/records/below/id-1-0-old.pack v1", "/records/below/id-1-0-new.pack v2"}, ""},
		{"locked", versioned{locked: true}, nil, "has all of it still"},
		{"not to be seen", versioned{lists: "AccessDenied"}, nil, "looking for versions"},
		{"no such thing", versioned{lists: "NotImplemented"}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := httptest.NewServer(&c.of)
			defer s.Close()
			b, err := bucket.Open(t.Context(), "s3://records?region=here&use_path_style=true&prefix=below/&endpoint="+s.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			err = deleteVersions(t.Context(), b, "id")
			if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) || !slices.Equal(c.of.deleted, c.deleted) {
				t.Errorf("deleted %q, %v", c.of.deleted, err)
			}
		})
	}
}
