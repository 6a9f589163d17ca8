package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestCheckpoint(t *testing.T) {
	dir := folder(t)
	const key = "w.test+2d52a0b8+AejgcMPg2bfUolRHPSt7spM4x9cHIfbAfpJsprHbnKN7"
	record := func(what string) string { return base + "record: {checkpoint: {" + what + "}}\n" }
	witness := func(what string) string { return record("witnesses: [" + what + "]") }
	for _, tt := range []struct {
		name, text string
		want       string // part of the only error; empty: none
	}{
		{"none", base, ""},
		{"every", record("every: 10s"), ""},
		{"too often", record("every: 1ms"), "too short"},
		{"a folder", witness("{dir: policy}"), ""},
		{"the log's own folder", base + "record: {checkpoint: {witnesses: [{dir: policy/w}]}, dir: policy}\n", "the log's own folder"},
		{"a folder that is not there", witness("{dir: /nowhere/at/all}"), ""},
		{"a bucket", witness(`{bucket: "s3://b?region=x"}`), ""},
		{"no bucket", witness(`{bucket: b}`), "not the URL of a bucket"},
		{"a bucket without a name", witness(`{bucket: "s3://"}`), "not the URL of a bucket"},
		{"a bucket that keeps nothing", witness(`{bucket: "mem://b"}`), "not the URL of a bucket"},
		{"a bucket with a password", witness(`{bucket: "s3://a:b@c"}`), "not the URL of a bucket"},
		{"a bucket that is a folder", witness(`{bucket: "file:///mnt/witness"}`), ""},
		{"a bucket that is no folder", witness(`{bucket: "file://mnt"}`), "not the URL of a bucket"},
		{"a URL", witness(`{url: "https://w.test/", key: "` + key + `"}`), ""},
		{"a URL without its key", witness(`{url: "https://w.test/"}`), "has no key"},
		{"a URL with another key", witness(`{url: "https://w.test/", key: "x+y+z"}`), "not a verifier key"},
		{"no URL", witness(`{url: "w.test", key: "` + key + `"}`), "not a witness's URL"},
		{"a key too many", witness(`{dir: policy, key: "` + key + `"}`), "signs nothing"},
		{"two in one", witness(`{dir: policy, bucket: "s3://b"}`), "is one of"},
		{"nothing", witness(`{}`), "is one of"},
		{"twice", witness(`{dir: policy}, {dir: ./policy}`), "declared twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _, err := load(t, dir, tt.text)
			var es Errors
			switch {
			case tt.want == "" && (err != nil || c == nil):
				t.Fatal(err)
			case tt.want == "":
			case !errors.As(err, &es) || c != nil || len(es) != 1 || !strings.Contains(err.Error(), tt.want):
				t.Errorf("got %v, want one error with %q", err, tt.want)
			}
		})
	}
	if c, _, err := load(t, dir, base); err != nil || c.Record.Checkpoint.Every != time.Minute {
		t.Errorf("without a checkpoint section: %v", err)
	}
}
