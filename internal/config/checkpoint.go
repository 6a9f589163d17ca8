package config

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	cosignature "github.com/transparency-dev/formats/note"
	"go.yaml.in/yaml/v4"
)

// Checkpoint says how often the log is signed, and who is told.
type Checkpoint struct {
	Every     time.Duration
	Witnesses []Witness // of different names
}

// Witness is who keeps checkpoints: a folder, a bucket, or a service that signs
// them. One of the first three is set.
type Witness struct {
	Dir    string // a folder's path
	Bucket string // a URL, as gocloud.dev/blob has it
	URL    string // of a C2SP tlog-witness
	Key    string // of URL: the verifier key that it signs with
}

// defaultEvery is how much of the log may be lost to whoever can rewrite it
// before any witness has heard of it.
const defaultEvery = time.Minute

func (l *loader) checkpoint(n *yaml.Node) {
	c := &l.cfg.Record.Checkpoint
	l.mapping(n, "checkpoint", fields{
		"every": func(n *yaml.Node) { c.Every = l.span(n, time.Second, 24*time.Hour) },
		"witnesses": func(n *yaml.Node) {
			names := map[string]*yaml.Node{}
			l.list(n, "witnesses", func(n *yaml.Node) {
				w := l.witness(n)
				name := w.Dir + w.Bucket + w.URL
				if first := names[name]; first != nil && name != "" {
					l.fail(n, "remove it", "this witness is declared twice; first on line %d", first.Line)
				}
				names[name] = n
				c.Witnesses = append(c.Witnesses, w)
			})
		},
	})
}

func (l *loader) witness(n *yaml.Node) (w Witness) {
	var dir, bucket, at, key *yaml.Node
	if !l.mapping(n, "a witness", fields{"dir": keep(&dir), "bucket": keep(&bucket), "url": keep(&at), "key": keep(&key)}) {
		return w
	}
	switch {
	case dir != nil && bucket == nil && at == nil:
		w.Dir = l.path(dir, "a folder's path")
		l.witnessDir(dir, w.Dir)
	case bucket != nil && dir == nil && at == nil:
		w.Bucket = l.bucket(bucket)
	case at != nil && dir == nil && bucket == nil:
		w.URL = l.witnessURL(at)
		if l.present(n, key, "a witness", "key", "add key: NAME+HASH+KEY, by which its signatures are verified") {
			w.Key = l.witnessKey(key)
		}
	default:
		l.fail(n, "write dir, bucket or url", "a witness is one of a folder, a bucket, a URL")
	}
	if key != nil && at == nil {
		l.fail(key, "remove it", "a key for a witness that signs nothing")
	}
	return w
}

// witnessDir refuses a folder that is the log's, and tells of one that is not there: it
// may be mounted later.
func (l *loader) witnessDir(n *yaml.Node, path string) {
	if in, err := filepath.Rel(l.cfg.Record.Dir, path); path != "" && err == nil && filepath.IsLocal(in) {
		l.fail(n, "make it on another volume, of another administrator", "a witness in the log's own folder: who can write the log can write it too")
		return
	}
	if info, err := os.Stat(path); path != "" && (err != nil || !info.IsDir()) {
		l.warn(n, "make it on another volume than the log's, or mount that", "no folder %q: no checkpoint is witnessed there until it is", path)
	}
}

func (l *loader) witnessURL(n *yaml.Node) string {
	s, ok := l.text(n, "a URL")
	if !ok {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Scheme != "https" && u.Scheme != "http" {
		l.fail(n, `such as "https://witness.example.com/"`, "not a witness's URL")
		return ""
	}
	return strings.TrimSuffix(s, "/")
}

func (l *loader) witnessKey(n *yaml.Node) string {
	s, ok := l.text(n, "a verifier key")
	if !ok {
		return ""
	}
	if _, err := cosignature.NewVerifierForCosignatureV1(s); err != nil {
		l.fail(n, "ask whoever runs the witness for it", "not a verifier key, NAME+HASH+KEY")
	}
	return s
}
