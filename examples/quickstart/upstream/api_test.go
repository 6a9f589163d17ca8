package main

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestKey pins that this API takes its key exactly, and at its place only: the
// tests that drive it trust its 401.
func TestKey(t *testing.T) {
	const key, billing = "the-real-key", "the-billing-key"
	server := httptest.NewServer((&api{key: key, billing: billing}).handler())
	defer server.Close()
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, tt := range []struct {
		name, path, header, value string
		want                      int
	}{
		{"bearer", "/echo", "Authorization", "Bearer " + key, 200},
		{"token", "/user", "Authorization", "token " + key, 200},
		{"basic", "/echo", "Authorization", basic("any:" + key), 200},
		{"x-api-key", "/repos/a/b", "X-Api-Key", key, 200},
		{"query", "/query?key=" + key, "", "", 200},
		{"cookie", "/cookie", "Cookie", "a=b; key=" + key, 200},
		{"path", "/path/" + key, "", "", 200},
		{"billing", "/billing/invoices", "Authorization", "Bearer " + billing, 200},
		{"unclean path", "/a//b/../c", "Authorization", "Bearer " + key, 200},
		{"nothing", "/echo", "", "", 401},
		{"longer", "/echo", "Authorization", "Bearer " + key + "x", 401},
		{"spaced", "/echo", "Authorization", "Bearer  " + key, 401},
		{"no scheme", "/echo", "Authorization", key, 401},
		{"basic, as user", "/echo", "Authorization", basic(key + ":"), 401},
		{"the other key", "/billing", "Authorization", "Bearer " + key, 401},
		{"at another place", "/query", "Authorization", "Bearer " + key, 401},
		{"twice", "/query?key=" + key + "&key=x", "", "", 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequest("GET", server.URL+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.header != "" {
				r.Header.Set(tt.header, tt.value)
			}
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != tt.want {
				t.Errorf("status %d, %v; want %d", resp.StatusCode, err, tt.want)
			}
			if tt.want == 401 && strings.Contains(string(body), key) {
				t.Error("a refusal tells the key")
			}
		})
	}
}
