package transcript

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

func TestCurl(t *testing.T) {
	var b strings.Builder
	xs := session()
	for i := range xs {
		b.WriteString(xs[i].Curl("http://127.0.0.1:8080"))
	}
	golden(t, "session.sh", b.String())
}

// run runs a line in a shell where curl is a program that prints its arguments,
// and what it is given.
func run(t *testing.T, line string) (args []string, body string) {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\nprintf '%s\\0' \"$@\"\nprintf 'END\\0'\ncase \"$*\" in *--data-binary*) cat;; esac\n"
	if err := os.WriteFile(filepath.Join(dir, "curl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("sh", "-c", line)
	c.Dir = dir
	c.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "CLOAKROOM_TOKEN=the token", "CLOAKROOM_TICKET=the ticket"}
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	head, body, _ := strings.Cut(string(out), "END\x00")
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%s: left %v", line, left)
	}
	return strings.Split(strings.TrimSuffix(head, "\x00"), "\x00"), body
}

func post(body string, headers ...access.Header) Exchange {
	x := exchange(1, "POST", "/")
	x.request("POST", "/a?b='$(touch x)'&c=`touch y`", headers...)
	if body != "" {
		x.piece(1, recording.Sent, body, nil)
	}
	return x
}

// Whatever an agent sent, the shell hands it to curl as it was, and runs none of it.
func TestCurlQuotes(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for name, body := range map[string]string{
		"quotes": `'"\'; touch x; #`, "a file": "@/etc/passwd", "an option": "-v\x01", "lines": "a\nb\r\n\n", "percents": "%s%d\n%%\\n",
		"every byte": string(all), "long": strings.Repeat("x", longest+1), "expansions": "$HOME `touch x` $(touch y) !!\n",
		"an escape": "\x1b[2J",
	} {
		x := post(body)
		args, given := run(t, x.Curl(""))
		if i := slices.Index(args, "--data-raw"); i >= 0 {
			given = args[i+1]
		}
		if given != body || args[len(args)-1] != "http://gateway:8080/a?b='$(touch x)'&c=`touch y`" {
			t.Errorf("%s: got %.100q and %.100q", name, args, given)
		}
	}
}

func TestCurlHeaders(t *testing.T) {
	x := post("", access.Header{Name: "authorization", Value: "Bearer [token 0123456789abcdef]"}, access.Header{Name: "x-key", Value: "ghp_ckr_read_[ticket lease-1]'s"},
		access.Header{Name: "x-note", Value: "ckr_read_[ticket lease-1] ckr_other_[ticket] [ticket]"}, access.Header{Name: "x-empty"}, access.Header{Name: "x-tab", Value: "a\t\xe9"}, access.Header{Name: "accept", Value: "*/*"}, access.Header{Name: "content-length", Value: "0"})
	x.Decision.Decision.Uses = []record.Use{{Credential: "read", Placeholder: record.Placeholder{Text: "ckr_read_[ticket]"}, Location: "header:x-key"},
		{Credential: "other", Placeholder: record.Placeholder{Text: "ckr_other_0123456789abcdefghjkmnpqrs", Named: true}, Location: "header:x-note"}}
	line := x.Curl("http://127.0.0.1:8080/")
	if !strings.Contains(line, "# a ticket that was not used is not put back\n") {
		t.Errorf("no word of the tickets that an agent wrote elsewhere: %s", line)
	}
	args, _ := run(t, line)
	want := []string{"-sS", "-g", "--path-as-is", "-X", "POST", "-H", "host: gateway:8080", "-H", "authorization: Bearer the token",
		"-H", "x-key: the ticket's", "-H", "x-note: ckr_read_[ticket lease-1] ckr_other_[ticket] [ticket]", "-H", "x-empty;", "-H", "x-tab: a\t\xe9", "-H", "accept: */*", "-H", "user-agent:", "-H", "content-type:",
		"http://127.0.0.1:8080/a?b='$(touch x)'&c=`touch y`"}
	if !slices.Equal(args, want) {
		t.Errorf("got  %q\nwant %q", args, want)
	}
}

// TestCurlGivesTokensToNobodyNew: an agent may write what stands for one anywhere.
func TestCurlGivesTokensToNobodyNew(t *testing.T) {
	const mark = "[token 0123456789abcdef]"
	x := exchange(1, "GET", "/")
	x.request("GET", "/?t="+mark, access.Header{Name: "x-note", Value: mark}, access.Header{Name: "x-token", Value: mark}, access.Header{Name: "cookie", Value: "t=" + mark})
	x.Decision.Decision.Tokens = []string{"x-token"}
	line := x.Curl("")
	args, _ := run(t, line)
	for _, want := range []string{"http://gateway:8080/?t=" + mark, "x-note: " + mark, "x-token: the token", "cookie: t=" + mark} {
		if !slices.Contains(args, want) {
			t.Errorf("no %q in %q", want, args)
		}
	}
	if !strings.Contains(line, "# a token in another header") {
		t.Errorf("no word of it: %s", line)
	}
}

func TestCurlSendsNoBodyWithHEAD(t *testing.T) {
	x := exchange(1, "HEAD", "/")
	x.request("HEAD", "/")
	x.piece(1, recording.Sent, "body", nil)
	line := x.Curl("")
	if args, _ := run(t, line); !slices.Contains(args, "-I") || slices.Contains(args, "--data-raw") || !strings.Contains(line, "# curl sends no body") {
		t.Errorf("got %s", line)
	}
}

// TestCurlOfACodedBody sends what is recorded: it has no codings.
func TestCurlOfACodedBody(t *testing.T) {
	for codings, kept := range map[string]bool{"gzip": false, "br, GZIP": false, "aws-chunked": true, "gzip, aws-chunked": true} {
		x := post("{}", access.Header{Name: "content-encoding", Value: codings})
		line := x.Curl("")
		if args, _ := run(t, line); slices.Contains(args, "content-encoding: "+codings) != kept || strings.Contains(line, "without its content coding") == kept {
			t.Errorf("%s: %s", codings, line)
		}
	}
}

func TestCurlBasic(t *testing.T) {
	for plain, marked := range map[string]bool{"x:ckr_read_[ticket lease-1]": true, "x:ckr_read_0123456789abcdefghjkmnpqrs": false} {
		x := post("", access.Header{Name: "authorization", Value: "Basic " + base64.StdEncoding.EncodeToString([]byte(plain))})
		if line := x.Curl(""); strings.Contains(line, "# a ticket or token in the Basic credentials") != marked {
			t.Errorf("%q: got %s", plain, line)
		}
	}
}

// Some shells know no comments where a person types, and put what was typed before
// in the place of "!!" everywhere but in single quotes.
func TestCurlForAPerson(t *testing.T) {
	x := exchange(1, "OPTIONS", "*")
	x.request("OPTIONS", "$(touch x)'`touch y`")
	if got, want := x.Curl(""), `curl has no way to ask for '$(touch x)'\''`+"`touch y`'\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want it to end with %q", got, want)
	}
	x = post("", access.Header{Name: "x-tab", Value: "\t!!"})
	if line := x.Curl(""); strings.Contains(line, "!") {
		t.Errorf("got %q", line)
	}
}

func FuzzCurl(f *testing.F) {
	f.Add("/", "a", "b")
	f.Add("/'$(x)", "@\x00%\\", "\x1b")
	f.Fuzz(func(t *testing.T, path, body, value string) {
		x := exchange(1, "GET", "/")
		x.request("GET", "/"+path, access.Header{Name: "x-a", Value: value})
		x.piece(1, recording.Sent, body, nil)
		for _, line := range strings.Split(strings.TrimSuffix(x.Curl(""), "\n"), "\n") {
			if strings.ContainsFunc(line, hidden) {
				t.Fatalf("a line with what is not shown: %q", line)
			}
		}
	})
}
