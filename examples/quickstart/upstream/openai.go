package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// The few answers of OpenAI's API that its clients need in order to list models
// and to chat, at once or as a stream. The model repeats the last message and
// tells the key.

func (a *api) models(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"object": "list", "data": []any{
		map[string]any{"id": "parrot", "object": "model", "created": 0, "owned_by": "quickstart"},
	}})
}

func (a *api) chat(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Model    string
		Stream   bool
		Messages []struct{ Content any }
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, bodyLimit)).Decode(&in); err != nil || len(in.Messages) == 0 {
		answer(w, http.StatusBadRequest, map[string]any{"error": map[string]any{"message": "want a JSON object with messages"}})
		return
	}
	said, _ := in.Messages[len(in.Messages)-1].Content.(string)
	if !in.Stream {
		answer(w, http.StatusOK, completion("chat.completion", in.Model, map[string]any{
			"index": 0, "finish_reason": "stop",
			"message": map[string]any{"role": "assistant", "content": "You said: " + said + "\n" + a.tell(r)},
		}))
		return
	}
	out := startStream(w)
	for _, part := range append(strings.SplitAfter("You said: "+said+"\n", " "), a.tell(r)) {
		out.send(completion("chat.completion.chunk", in.Model, map[string]any{
			"index": 0, "finish_reason": nil, "delta": map[string]any{"role": "assistant", "content": part},
		}))
	}
	out.send(completion("chat.completion.chunk", in.Model, map[string]any{
		"index": 0, "finish_reason": "stop", "delta": map[string]any{},
	}))
	out.line("[DONE]")
}

func completion(object, model string, choice map[string]any) map[string]any {
	return map[string]any{
		"id": "chatcmpl-1", "object": object, "created": 0, "model": model, "choices": []any{choice},
	}
}
