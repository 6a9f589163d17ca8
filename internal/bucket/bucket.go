// Package bucket opens the object stores that are outside: S3, Google Cloud Storage,
// Azure Blob Storage, folders. Credentials come from where each store's own library
// looks for them.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/fileblob"  // file://
	_ "gocloud.dev/blob/gcsblob"   // gs://
	_ "gocloud.dev/blob/memblob"   // mem://
	_ "gocloud.dev/blob/s3blob"    // s3://
)

// Errors of a store, to be told apart with errors.Is.
var (
	// ErrSilent means that the store does not answer, or has a fault of its own: it
	// may be down.
	ErrSilent = errors.New("the store does not answer")
	// ErrRefused means that the store will not do what is asked: there is no such
	// bucket, or the credentials are wrong or do not suffice.
	ErrRefused = errors.New("the store refuses")
)

// answerTime is how long a store may take to say that it is there.
const answerTime = 10 * time.Second

// Open opens the bucket of a URL, as gocloud.dev/blob has them. It asks the store
// nothing: Try does.
func Open(ctx context.Context, at string) (*blob.Bucket, error) {
	b, err := blob.OpenBucket(ctx, plainFiles(at))
	if err != nil {
		return nil, fmt.Errorf("opening bucket %q: %w: %w", Name(at), ErrRefused, oneLine{err})
	}
	return b, nil
}

// plainFiles is the URL of a folder without the files that its driver puts beside each
// object: one that a crash left empty, or that two write at once, hides the object.
func plainFiles(at string) string {
	const option = "metadata"
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "file" || u.Query().Has(option) {
		return at
	}
	q := u.Query()
	q.Set(option, "skip")
	u.RawQuery = q.Encode()
	return u.String()
}

// Try asks the store whether the bucket of the URL can be listed, and written where
// an object's name is given, at which it leaves an empty one. ErrSilent or ErrRefused.
func Try(ctx context.Context, at string, b *blob.Bucket, object string) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if _, err := b.List(nil).Next(ctx); err != nil && !errors.Is(err, io.EOF) {
		return judged(fmt.Sprintf("listing bucket %q", Name(at)), err)
	}
	if object == "" {
		return nil
	}
	if err := Put(ctx, b, object, strings.NewReader(""), nil); err != nil {
		return judged(fmt.Sprintf("writing to bucket %q", Name(at)), err)
	}
	return nil
}

// Put writes an object, in the way of gocloud.dev in which a store that refuses is an
// error with every driver: azureblob panics where a Writer is written to.
func Put(ctx context.Context, b *blob.Bucket, object string, r io.Reader, o *blob.WriterOptions) error {
	if o == nil {
		o = &blob.WriterOptions{}
	}
	if o.ContentType == "" {
		o.ContentType = "application/octet-stream"
	}
	return b.Upload(ctx, object, r, o)
}

// judged tells a store that is down from one that refuses.
func judged(doing string, err error) error {
	kind := ErrRefused
	var network *net.OpError
	var answer interface{ HTTPStatusCode() int } // S3's errors have it
	if errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &answer) && answer.HTTPStatusCode() >= http.StatusInternalServerError {
		kind = ErrSilent
	}
	return fmt.Errorf("%s: %w: %w", doing, kind, oneLine{err})
}

// oneLine is an error whose text is one short line: Azure's have the whole answer.
type oneLine struct{ error }

func (e oneLine) Unwrap() error { return e.error }

func (e oneLine) Error() string {
	const most = 300
	text, _, _ := strings.Cut(e.error.Error(), "<?xml")
	words := strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' })
	kept := words[:0]
	for _, w := range words {
		if strings.Trim(w, "-") != "" {
			kept = append(kept, w)
		}
	}
	text = strings.Join(kept, " ")
	return text[:min(len(text), most)]
}

// Name is a bucket's URL without parameters and user, which may be nobody else's
// business.
func Name(at string) string {
	u, err := url.Parse(at)
	if err != nil {
		return "bucket"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// Hint says what would work where a store refuses.
func Hint(at string) string {
	scheme, _, _ := strings.Cut(at, "://")
	switch scheme {
	case "s3":
		return "the bucket and its region must be right, and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the machine's role, allowed to list and write it"
	case "gs":
		return "the bucket must be there, and the account of GOOGLE_APPLICATION_CREDENTIALS, or the machine's, allowed to list and write it"
	case "azblob":
		return "the container must be there, and AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY, or the machine's identity, allowed to list and write it"
	}
	return "the folder must be there, and this user allowed to write it"
}
