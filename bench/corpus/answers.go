package corpus

import (
	"fmt"
	"strings"
)

// object is what JSON texts are made of.
type object = map[string]any

// words are what prose is made of.
var words = strings.Fields(`the a request token server returns when service client error after update with this
	configuration build release branch should not be able to read file value that was expected instead of undefined timeout
	connection retry upload deployment customer invoice payment failed because policy requires approval before merge review
	please check logs docs example endpoint header response status code test suite passes locally but in production`)

// prose returns about n words: sentences, paragraphs, a quotation now and then,
// code, names beyond ASCII.
func (w writer) prose(n int) string {
	var b strings.Builder
	for i := range n {
		word := words[w.IntN(len(words))]
		switch w.IntN(60) {
		case 0:
			word = `"` + word + `"`
		case 1:
			word = "`" + word + "()`"
		case 2:
			word = "https://docs.example.com/" + word + "?v=" + w.some(digits, 3)
		case 3:
			word = []string{"Müller", "naïve", "日本語", "→", "😀"}[w.IntN(5)]
		case 4:
			word += ".\n\n"
		case 5:
			word += ":\n```\nif x[\"" + word + "\"] != nil {\n\treturn " + word + "\n}\n```\n"
		}
		if b.WriteString(word); i%12 == 11 {
			b.WriteString(".")
		}
		b.WriteString(" ")
	}
	return b.String()
}

func (w writer) time() string {
	return fmt.Sprintf("2026-%02d-%02dT%02d:%02d:%02dZ", 1+w.IntN(12), 1+w.IntN(28), w.IntN(24), w.IntN(60), w.IntN(60))
}

// user is a person as GitHub describes one: mostly URLs.
func (w writer) user() object {
	name := words[w.IntN(len(words))] + "-" + w.some(lower, 4)
	at := "https://api.github.com/users/" + name
	return object{"login": name, "id": w.IntN(1e8), "node_id": "MDQ6VXNlc" + w.letters(11), "avatar_url": "https://avatars.githubusercontent.com/u/" + w.some(digits, 7) + "?v=4",
		"url": at, "html_url": "https://github.com/" + name, "followers_url": at + "/followers", "gists_url": at + "/gists{/gist_id}",
		"starred_url": at + "/starred{/owner}{/repo}", "repos_url": at + "/repos", "events_url": at + "/events{/privacy}", "type": "User", "site_admin": false}
}

func (w writer) issue() object {
	at := "https://api.github.com/repos/acme/" + words[w.IntN(len(words))] + "/issues/" + w.some(digits, 4)
	return object{"url": at, "labels_url": at + "/labels{/name}", "comments_url": at + "/comments", "id": w.IntN(1e9), "node_id": "I_kwDO" + w.letters(14),
		"number": w.IntN(9999), "title": w.prose(8), "user": w.user(), "assignee": nil, "state": "open", "locked": false, "comments": w.IntN(40),
		"created_at": w.time(), "updated_at": w.time(), "body": strings.ReplaceAll(w.prose(60+w.IntN(200)), "\n", "\r\n"),
		"head":      object{"sha": w.some(lower, 40), "ref": "main"},
		"labels":    []object{{"id": w.IntN(1e9), "name": "bug", "color": w.some(lower, 6), "default": true}},
		"reactions": object{"url": at + "/reactions", "total_count": w.IntN(9), "+1": w.IntN(9), "-1": 0, "eyes": w.IntN(3)}}
}

func (w writer) completion() object {
	return object{"id": "chatcmpl-" + w.letters(29), "object": "chat.completion", "created": 1764000000 + w.IntN(1e7), "model": "gpt-4.1-2025-04-14",
		"choices": []object{{"index": 0, "message": object{"role": "assistant", "content": w.prose(100 + w.IntN(300)), "refusal": nil}, "logprobs": nil, "finish_reason": "stop"}},
		"usage":   object{"prompt_tokens": w.IntN(4000), "completion_tokens": w.IntN(900), "total_tokens": w.IntN(5000)}, "system_fingerprint": "fp_" + w.some(lower, 10)}
}

func (w writer) charge() object {
	id := "ch_3" + w.letters(23)
	return object{"id": id, "object": "charge", "amount": w.IntN(1e6), "balance_transaction": "txn_3" + w.letters(23), "created": 1764000000 + w.IntN(1e7), "currency": "eur",
		"billing_details": object{"address": object{"city": "Köln", "country": "DE", "postal_code": w.some(digits, 5)}, "email": w.some(lower, 8) + "@example.com", "phone": nil},
		"customer":        "cus_" + w.letters(14), "description": w.prose(10), "livemode": false, "metadata": object{"order": w.some(digits, 8)}, "paid": true,
		"payment_method_details": object{"card": object{"brand": "visa", "exp_month": 1 + w.IntN(12), "exp_year": 2030, "fingerprint": w.letters(16), "last4": w.some(digits, 4)}},
		"receipt_url":            "https://pay.stripe.com/receipts/payment/" + w.letters(80), "refunded": false, "status": "succeeded"}
}

func (w writer) message() object {
	return object{"ok": true, "channel": "C" + w.some(upper, 10), "ts": w.some(digits, 10) + "." + w.some(digits, 6),
		"message": object{"type": "message", "user": "U" + w.some(upper, 10), "text": w.prose(30 + w.IntN(60)), "team": "T" + w.some(upper, 8),
			"bot_profile": object{"id": "B" + w.some(upper, 10), "name": "deploys", "icons": object{"image_48": "https://a.slack-edge.com/80588/img/plugins/app/bot_48.png"}}},
		"response_metadata": object{"next_cursor": w.letters(20) + "="}}
}

func (w writer) delta(id string) object {
	return object{"id": id, "object": "chat.completion.chunk", "created": 1764000123, "model": "gpt-4.1-2025-04-14", "service_tier": "default",
		"system_fingerprint": "fp_" + id[9:19], "choices": []object{{"index": 0, "delta": object{"content": " " + words[w.IntN(len(words))]}, "logprobs": nil, "finish_reason": nil}}}
}

func (w writer) line() object {
	return object{"time": w.time(), "level": "INFO", "msg": w.prose(6), "trace_id": w.some(lower, 32), "span_id": w.some(lower, 16), "duration_ms": w.Float64() * 100,
		"http": object{"method": "GET", "path": "/v1/" + words[w.IntN(len(words))] + "/" + w.some(digits, 6), "status": 200, "bytes": w.IntN(1e5), "user_agent": "curl/8.14.1"}}
}
