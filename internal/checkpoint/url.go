package checkpoint

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var _ Witness = (*URL)(nil)

// URL is a C2SP tlog-witness (c2sp.org/tlog-witness): it signs a checkpoint
// only if that is proved to continue the one that it signed before.
type URL struct {
	at     string
	own    note.Verifier
	key    note.Verifier
	client *http.Client
}

// answerTime is how long a witness may take to answer.
const answerTime = 10 * time.Second

// NewURL makes a witness of its URL and the key that it signs with, as
// c2sp.org/tlog-cosignature has it; own verifies the log's checkpoints.
func NewURL(at, key string, own note.Verifier) (*URL, error) {
	v, err := CosignerKey(key)
	if err != nil {
		return nil, fmt.Errorf("making witness %q: %w", at, err)
	}
	if u, err := url.Parse(at); err != nil || u.Host == "" || own == nil {
		return nil, errors.New("making a witness: a URL and the log's key are required")
	}
	return &URL{strings.TrimSuffix(at, "/"), own, v, &http.Client{Timeout: answerTime}}, nil
}

// CosignerKey reads the key of a witness that signs.
func CosignerKey(key string) (note.Verifier, error) {
	v, err := cosignature.NewVerifierForCosignatureV1(key)
	if err != nil {
		return nil, errors.New("its key is not a note's verifier key, NAME+HASH+KEY")
	}
	return v, nil
}

// Name implements Witness.
func (u *URL) Name() string { return u.at }

// Key verifies the witness's signatures.
func (u *URL) Key() note.Verifier { return u.key }

// Add implements Witness.
func (u *URL) Add(ctx context.Context, c Signed, last Checkpoint, log History) ([]byte, error) {
	answer, taken, err := u.prove(ctx, c, last.Size, log)
	if err == nil && taken >= 0 { // it has seen more than is known here, or forgot
		answer, taken, err = u.prove(ctx, c, taken, log)
		if err == nil && taken >= 0 {
			err = fmt.Errorf("telling witness %q: it changes its mind", u.at)
		}
	}
	if err != nil {
		return nil, err
	}
	signed := append(bytes.Clone(c.Note), answer...)
	if _, err := Open(signed, u.own, u.key); err != nil {
		return nil, fmt.Errorf("telling witness %q: %w", u.at, err)
	}
	return signed, nil
}

// Taken asks how many entries of a log the witness has taken. It offers c, the latest
// checkpoint of that, as what it has taken already: that changes nothing there.
// ErrRewritten: it has taken another one of as many.
func (u *URL) Taken(ctx context.Context, c Signed) (int64, error) {
	answer, taken, err := u.send(ctx, c, c.Size, nil)
	if err != nil || taken >= 0 {
		return taken, err
	}
	if _, err := Open(append(bytes.Clone(c.Note), answer...), u.own, u.key); err != nil {
		return 0, fmt.Errorf("asking witness %q: %w", u.at, err)
	}
	return c.Size, nil
}

// prove sends a checkpoint with the proof that it continues the old entries; see
// send.
func (u *URL) prove(ctx context.Context, c Signed, old int64, log History) (answer []byte, taken int64, err error) {
	proof, err := log.Prove(c.Checkpoint, old)
	if err != nil {
		return nil, -1, fmt.Errorf("telling witness %q: %w", u.at, err)
	}
	return u.send(ctx, c, old, proof)
}

// send returns the witness's signatures, or the size that it has taken instead,
// which is -1 else.
func (u *URL) send(ctx context.Context, c Signed, old int64, proof tlog.TreeProof) (answer []byte, taken int64, err error) {
	var body bytes.Buffer
	fmt.Fprintf(&body, "old %d\n", old)
	for _, h := range proof {
		fmt.Fprintf(&body, "%s\n", base64.StdEncoding.EncodeToString(h[:]))
	}
	body.WriteString("\n")
	body.Write(c.Note)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.at+"/add-checkpoint", &body)
	if err != nil {
		return nil, -1, fmt.Errorf("telling witness %q: %w", u.at, err)
	}
	resp, err := u.client.Do(r)
	if err != nil {
		return nil, -1, fmt.Errorf("telling witness: %w", err)
	}
	defer resp.Body.Close()
	if answer, err = io.ReadAll(io.LimitReader(resp.Body, noteMax)); err != nil {
		return nil, -1, fmt.Errorf("telling witness %q: %w", u.at, err)
	}
	return u.read(resp, answer)
}

// read judges an answer.
func (u *URL) read(resp *http.Response, answer []byte) ([]byte, int64, error) {
	switch resp.StatusCode {
	case http.StatusOK:
		return answer, -1, nil
	case http.StatusConflict:
		size, err := strconv.ParseInt(strings.TrimSuffix(string(answer), "\n"), 10, 64)
		if err == nil && size >= 0 && resp.Header.Get("content-type") == "text/x.tlog.size" {
			return nil, size, nil
		}
	case http.StatusNotFound:
		return nil, -1, fmt.Errorf("telling witness %q: it does not know this log; give it the log's origin and key", u.at)
	case http.StatusForbidden:
		return nil, -1, fmt.Errorf("telling witness %q: it knows this log with another key", u.at)
	case http.StatusUnprocessableEntity:
		return nil, -1, fmt.Errorf("witness %q has taken a checkpoint that the log does not continue: %w", u.at, ErrRewritten)
	}
	return nil, -1, fmt.Errorf("telling witness %q: status %d", u.at, resp.StatusCode)
}
