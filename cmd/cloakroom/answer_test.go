package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"cloakroom/internal/approval"
	"cloakroom/internal/config"
	"cloakroom/internal/console"
)

// TestChallengeOfAnother has a service hand on the challenge of another: the
// person is asked for no login, with which it could answer there.
func TestChallengeOfAnother(t *testing.T) {
	var at string // where the challenge is from
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := url.Parse(at)
		json.NewEncoder(w).Encode(challenge{Challenge: "sealed", Nonce: console.Nonce(u, "sealed"), Issuer: "https://login.test", ClientID: "cli"})
	}))
	defer service.Close()
	client, err := newAdminClient(&config.Config{}, service.URL)
	if err != nil {
		t.Fatal(err)
	}
	a := &answering{approve: true, scope: "operation", stdout: io.Discard, stderr: io.Discard, question: approval.Question{ID: "q", Seen: "s"}}
	at = "https://cloakroom.example.com"
	err = a.bring(t.Context(), client, &cliLogin{Login: config.Login{Issuer: "https://login.test", CLIClientID: "cli"}})
	if err == nil || !strings.Contains(err.Error(), "another place") {
		t.Errorf("a challenge of another's: %v", err)
	}
	at = strings.ToUpper(service.URL[:4]) + service.URL[4:] + "/"
	if got, err := client.challenge(t.Context(), a.question, a, ""); err != nil || !client.fits(got) {
		t.Errorf("its own: %v", err)
	}
}
