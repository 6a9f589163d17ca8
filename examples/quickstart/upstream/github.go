package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// The few answers of GitHub's REST API that its clients need in order to show
// a user, show a repository and open an issue. Descriptions tell the key, as a
// careless API might.

func (a *api) user(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"login": "demo", "id": 1, "type": "User", "url": base(r) + "/user", "bio": a.tell(r),
	})
}

func (a *api) repo(w http.ResponseWriter, r *http.Request) {
	owner, name := r.PathValue("owner"), r.PathValue("repo")
	answer(w, http.StatusOK, map[string]any{
		"id": 1, "name": name, "full_name": owner + "/" + name, "private": false, "default_branch": "main",
		"url":         base(r) + "/repos/" + owner + "/" + name,
		"owner":       map[string]any{"login": owner, "id": 1, "type": "User"},
		"description": a.tell(r),
	})
}

func (a *api) issue(w http.ResponseWriter, r *http.Request) {
	var in struct{ Title, Body string }
	if err := json.NewDecoder(io.LimitReader(r.Body, bodyLimit)).Decode(&in); err != nil {
		answer(w, http.StatusBadRequest, map[string]any{"message": "Problems parsing JSON"})
		return
	}
	answer(w, http.StatusCreated, map[string]any{
		"id": 1, "number": 1, "state": "open", "title": in.Title, "body": in.Body,
		"url": fmt.Sprintf("%s%s/1", base(r), r.URL.Path),
	})
}

// tell is a sentence that gives the key away.
func (a *api) tell(r *http.Request) string {
	return "You sent the key " + strings.Join(a.sent(r), " ")
}

// base is this API's URL as the request named it.
func base(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
