package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// object is a JSON object.
type object map[string]any

func say(w http.ResponseWriter, v object) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

// event sends one server-sent event at once; without a name only its data.
func event(w http.ResponseWriter, name string, v object) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // only maps of plain values are sent
	}
	w.Header().Set("Content-Type", "text/event-stream")
	if name != "" {
		fmt.Fprintf(w, "event: %s\n", name)
	}
	fmt.Fprintf(w, "data: %s\n\n", data)
	http.NewResponseController(w).Flush()
}

// anthropicMessage answers whole or as a stream, whatever the client asks for.
func anthropicMessage(w http.ResponseWriter, r *http.Request, told string) {
	var in struct{ Stream bool }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	message := object{"id": "msg_1", "type": "message", "role": "assistant", "model": "parrot", "content": []any{},
		"stop_reason": nil, "stop_sequence": nil, "usage": object{"input_tokens": 1, "output_tokens": 1}}
	if !in.Stream {
		message["content"] = []any{object{"type": "text", "text": told}}
		message["stop_reason"] = "end_turn"
		say(w, message)
		return
	}
	event(w, "message_start", object{"type": "message_start", "message": message})
	event(w, "content_block_start", object{"type": "content_block_start", "index": 0, "content_block": object{"type": "text", "text": ""}})
	for _, part := range strings.SplitAfter(told, " ") {
		event(w, "content_block_delta", object{"type": "content_block_delta", "index": 0, "delta": object{"type": "text_delta", "text": part}})
	}
	event(w, "content_block_stop", object{"type": "content_block_stop", "index": 0})
	event(w, "message_delta", object{"type": "message_delta", "delta": object{"stop_reason": "end_turn"}, "usage": object{"output_tokens": 5}})
	event(w, "message_stop", object{"type": "message_stop"})
}

func customer(told string) object {
	return object{"id": "cus_1", "object": "customer", "description": told}
}

func stripeCustomer(w http.ResponseWriter, r *http.Request, told string) {
	if r.PostFormValue("description") != "hello there" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Request-Id", told)
	say(w, customer(told))
}

func stripeCustomers(w http.ResponseWriter, _ *http.Request, told string) {
	say(w, object{"object": "list", "url": "/v1/customers", "has_more": false, "data": []any{customer(told)}})
}

func slackAuth(w http.ResponseWriter, _ *http.Request, told string) {
	say(w, object{"ok": true, "url": "https://slack.test/", "team": "t", "user": told, "team_id": "T1", "user_id": "U1"})
}

func slackMessage(w http.ResponseWriter, _ *http.Request, told string) {
	say(w, object{"ok": true, "channel": "C1", "ts": "1.0", "message": object{"type": "message", "text": told}})
}

func candidate(text string) object {
	return object{"modelVersion": "parrot", "candidates": []any{object{"index": 0,
		"content": object{"role": "model", "parts": []any{object{"text": text}}}}}}
}

func geminiContent(w http.ResponseWriter, _ *http.Request, told string) { say(w, candidate(told)) }

func geminiStream(w http.ResponseWriter, r *http.Request, told string) {
	if r.URL.Query().Get("alt") != "sse" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, part := range strings.SplitAfter(told, " ") {
		event(w, "", candidate(part))
	}
}

func youtubeSearch(w http.ResponseWriter, r *http.Request, told string) {
	say(w, object{"kind": "youtube#searchListResponse", "items": []any{
		object{"kind": "youtube#searchResult", "snippet": object{"title": told, "description": r.URL.String()}}}})
}

func graphViewer(w http.ResponseWriter, _ *http.Request, told string) {
	say(w, object{"data": object{"viewer": object{"bio": told}}})
}

// oauthToken tells the client's secret where a scope should be.
func oauthToken(w http.ResponseWriter, r *http.Request, told string) {
	if r.PostFormValue("grant_type") != "client_credentials" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	say(w, object{"access_token": "minted", "token_type": "Bearer", "expires_in": 3600, "scope": told})
}
