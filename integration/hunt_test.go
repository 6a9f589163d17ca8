package integration

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// The canary hunt: after the whole run, no secret may stand in anything that
// the run left. It shares no code with what masks.

var (
	huntMu   sync.Mutex
	canaries []string
	exempted = make(map[string]bool)
	pageFile *os.File
)

// canary remembers a secret that must be in nothing that the run leaves.
func canary(secret string) {
	huntMu.Lock()
	defer huntMu.Unlock()
	canaries = append(canaries, secret)
}

// exempt names a file in which the test itself wrote a secret.
func exempt(path string) {
	huntMu.Lock()
	defer huntMu.Unlock()
	exempted[path] = true
}

// page keeps what somebody was shown, for the hunt.
func page(text ...string) {
	huntMu.Lock()
	defer huntMu.Unlock()
	if pageFile == nil {
		var err error
		if pageFile, err = os.Create(filepath.Join(root, "pages")); err != nil {
			panic(err)
		}
	}
	for _, s := range text {
		pageFile.WriteString(s + "\n")
	}
}

var placeholderText = regexp.MustCompile(`ckr_[a-z0-9-]+_[0-9a-z]{26}`)

// shownTo is what a caller was shown, less the tickets that it sent itself.
func shownTo(r *http.Request, text ...string) []string {
	sent := fmt.Sprint(r.URL, r.Header)
	if r.GetBody != nil {
		if body, err := r.GetBody(); err == nil {
			b, _ := io.ReadAll(body)
			sent += string(b)
		}
	}
	for _, own := range placeholderText.FindAllString(sent, -1) {
		for i := range text {
			text[i] = strings.ReplaceAll(text[i], own, "[its own]")
		}
	}
	return text
}

// unseal has the hunt search what is recorded too, at the end: on disk it is sealed.
func (w *world) unseal() {
	w.t.Helper()
	w.t.Cleanup(func() {
		var sessions []struct{ Session string }
		w.eventually("the index has the sessions", func() bool {
			stdout, _, code := command(w.t, w.dir, w.env, "session", "ls", "--json", "--limit", "1000")
			return code == 0 && json.Unmarshal([]byte(stdout), &sessions) == nil && len(sessions) > 0
		})
		for _, s := range sessions {
			stdout, stderr, code := command(w.t, w.dir, w.env, "session", "show", s.Session, "--full", "--limit", "0")
			if page(stdout); code != 0 || stdout == "" {
				w.t.Errorf("session show %q: %s", s.Session, stderr)
			}
		}
	})
}

// hideKey makes the instance's root key a canary: it opens everything.
func (w *world) hideKey() {
	w.t.Helper()
	file := filepath.Join(w.dir, "cloakroom.key")
	text, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		w.t.Fatal(err)
	}
	canary(string(key))
	exempt(file)
}

// shape is one way in which a secret could have been written.
type shape struct{ kind, text string }

// shapes writes a secret in every way that the hunt knows.
func shapes(secret string) []shape {
	essence := secret
	switch {
	case strings.HasPrefix(secret, "ckr_"): // what comes before is no secret
		essence = secret[strings.LastIndexByte(secret, '_')+1:]
	case strings.HasPrefix(secret, "eyJ") && strings.Count(secret, ".") == 2: // a token is worth nothing without its signature
		essence = secret[strings.LastIndexByte(secret, '.')+1:]
	}
	quoted, err := json.Marshal(essence)
	if err != nil {
		panic(err)
	}
	decimal := strings.Trim(fmt.Sprint([]byte(essence)), "[]")
	hexed := hex.EncodeToString([]byte(essence))
	all := []shape{
		{"raw", essence}, {"half", essence[:len(essence)/2]}, {"half", essence[len(essence)/2:]},
		{"JSON", strings.Trim(string(quoted), `"`)}, {"quoted", strings.Trim(fmt.Sprintf("%+q", essence), `"`)},
		{"HTML", html.EscapeString(essence)},
		{"form", url.QueryEscape(essence)}, {"percent", url.PathEscape(essence)}, {"percent", percent(essence, "%%%02X", true)},
		{"percent", percent(essence, "%%%02x", true)}, {"every byte percent", percent(essence, "%%%02X", false)},
		{"every byte percent", percent(essence, "%%%02x", false)}, {"unicode escapes", percent(essence, `\u%04x`, false)},
		{"hex", hexed}, {"HEX", strings.ToUpper(hexed)}, {"\\x", percent(essence, `\x%02x`, false)},
		{"decimal", decimal}, {"decimal, comma", strings.ReplaceAll(decimal, " ", ",")}, {"decimal, comma, space", strings.ReplaceAll(decimal, " ", ", ")},
	}
	for skip := range 3 {
		for kind, e := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			all = append(all, shape{kind, aligned(e, essence, skip)})
		}
	}
	return all
}

// aligned is what stands in any base64 text in which the secret begins skip
// bytes behind a group's beginning: less what its neighbours have a part in.
func aligned(e *base64.Encoding, secret string, skip int) string {
	text := e.EncodeToString([]byte(strings.Repeat("\x00", skip) + secret))
	first := []int{0, 2, 3}[skip]
	last := len(text)
	if (skip+len(secret))%3 != 0 {
		last--
	}
	return text[first:last]
}

// percent writes bytes in a form, or with only the ones that need it.
func percent(s, form string, reserved bool) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if reserved && (c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("-._~", c) >= 0) {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, form, c)
	}
	return b.String()
}

// hunter finds any of many shapes in one pass: by their last eight bytes.
type hunter map[uint64][]shape

func newHunter(secrets []string) hunter {
	h := make(hunter)
	for _, secret := range secrets {
		for _, s := range shapes(secret) {
			if len(s.text) < 8 { // half of a weak value stands in innocent texts
				continue
			}
			key := binary.LittleEndian.Uint64([]byte(s.text[len(s.text)-8:]))
			h[key] = append(h[key], s)
		}
	}
	return h
}

// find returns the kinds of shapes that stand in the text.
func (h hunter) find(text []byte) map[string]bool {
	kinds := make(map[string]bool)
	for end := 8; end <= len(text); end++ {
		for _, s := range h[binary.LittleEndian.Uint64(text[end-8:end])] {
			if bytes.HasSuffix(text[:end], []byte(s.text)) {
				kinds[s.kind] = true
			}
		}
	}
	return kinds
}

// hunt searches everything below dir, names of files included, and returns a
// line for each find: the file and the kind, never the secret.
func hunt(dir string, secrets []string) (found []string, files int, size int64) {
	h := newHunter(secrets)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		for kind := range h.find([]byte(d.Name())) {
			found = append(found, fmt.Sprintf("%s: a secret in a file's name (%s)", filepath.Dir(path), kind))
		}
		if !d.Type().IsRegular() || exempted[path] {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files, size = files+1, size+int64(len(text))
		for kind := range h.find(text) {
			found = append(found, fmt.Sprintf("%s: a secret (%s)", path, kind))
		}
		return nil
	})
	if err != nil {
		found = append(found, "hunting: "+err.Error())
	}
	return found, files, size
}

// huntAll is the hunt after the run; it tells whether the run is clean.
func huntAll() bool {
	found, files, size := hunt(root, canaries)
	fmt.Printf("hunt: %d canaries in %d files, %d KiB: %d found\n", len(canaries), files, size>>10, len(found))
	for _, line := range found {
		fmt.Println("hunt:", strings.TrimPrefix(line, root+"/"))
	}
	return len(found) == 0
}

// TestHunt plants a canary in every shape and demands that the hunt finds each.
func TestHunt(t *testing.T) {
	const secret = "k\"9/<+é~sk-0123456789abcdef:XYZ&="
	wrapped := func(skip int) string { return strings.Repeat("p", skip) + secret + "tail" }
	plants := map[string]string{
		"raw": secret, "HTML": html.EscapeString(secret), "form": url.QueryEscape(secret), "percent": percent(secret, "%%%02x", true),
		"every byte percent": percent(secret, "%%%02X", false), "hex": hex.EncodeToString([]byte(secret)),
		"HEX": fmt.Sprintf("%X", secret), "decimal": fmt.Sprint([]byte(secret)), "quoted": fmt.Sprintf("%+q", secret),
		"unicode escapes": percent(secret, `\u%04x`, false), "half": secret[len(secret)/2:],
	}
	if b, err := json.Marshal(map[string]string{"a": secret}); err == nil {
		plants["JSON"] = string(b)
	}
	for skip := range 3 {
		plants[fmt.Sprint("base64 ", skip)] = base64.StdEncoding.EncodeToString([]byte(wrapped(skip)))
		plants[fmt.Sprint("base64url ", skip)] = base64.URLEncoding.EncodeToString([]byte(wrapped(skip)))
	}
	for name, text := range plants {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "f"), []byte("before "+text+" behind"), 0o600); err != nil {
			t.Fatal(err)
		}
		found, _, _ := hunt(dir, []string{"another-0123456789", secret})
		want, _, _ := strings.Cut(name, " 0")
		want, _, _ = strings.Cut(want, " 1")
		want, _, _ = strings.Cut(want, " 2")
		if !strings.Contains(strings.Join(found, "\n"), "("+want+")") {
			t.Errorf("%s: planted and not found: %q", name, found)
		}
		if strings.Contains(strings.Join(found, ""), secret) {
			t.Error("the hunt's report tells the secret")
		}
	}
	if found, files, _ := hunt(t.TempDir(), []string{secret}); len(found) != 0 || files != 0 {
		t.Errorf("an empty folder: %q", found)
	}
}

// TestHuntKnowsTickets pins that a ticket's name is no secret, and its suffix is.
func TestHuntKnowsTickets(t *testing.T) {
	h := newHunter([]string{"ckr_demo-read_abcdefghjkmnpqrstvwxyz0123"})
	if len(h.find([]byte("ckr_demo-read_[ticket]"))) != 0 {
		t.Error("the name was taken for a secret")
	}
	if !h.find([]byte("x abcdefghjkmnpqrstvwxyz0123 y"))["raw"] {
		t.Error("the suffix alone was not found")
	}
}
