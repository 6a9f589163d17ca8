package record

import (
	"encoding/json"
	"reflect"
	"testing"

	"cloakroom/internal/access"
)

// A line is read as a JSON decoder reads it, whatever stands in its texts.
func TestDigestIsWhatJSONSays(t *testing.T) {
	const head = `{"v":1,"seq":7,"prev":"00",`
	for _, row := range []struct{ name, line string }{
		{"a decision", head + `"time":"2026-11-24T03:20:27.123456Z","decision":{"exchange":"e1","issuer":"https://i","subject":"s","session":"x","source":"1.2.3.4:5","path":"/a?b={,}","outcome":"allow","revision":"r","uses":[{"credential":"c","placeholder":"p"}]}}`},
		{"without optional texts", head + `"time":"2026-11-24T03:20:27.000000Z","decision":{"exchange":"e1","outcome":"deny"}}`},
		{"several uses, and what was seen", head + `"time":"2026-11-24T03:20:27.000000Z","decision":{"exchange":"e1","method":"GET","host":"h","authority":"a","outcome":"allow","uses":[{"credential":"c","placeholder":"p","location":"path"},{"credential":"d"}],"seen":[{"placeholder":"ckr_e_[ticket]","location":"body"},{"placeholder":"x"}]}}`},
		{"texts that look like keys", head + `"time":"2026-11-24T03:20:27.000000Z","decision":{"exchange":"e1","issuer":",subject:","session":",","path":",outcome:","outcome":"allow"}}`},
		{"an escaped key in a text", head + `"time":"2026-11-24T03:20:27.000000Z","decision":{"exchange":"e1","subject":"a,\"session\":\"forged\",\"outcome\":\"allow\"","outcome":"deny"}}`},
		{"an escaped character", head + `"time":"2026-11-24T03:20:27.000000Z","decision":{"exchange":"e1","subject":"\u0001b","outcome":"deny"}}`},
		{"an end", head + `"time":"2026-11-24T03:20:27.000000Z","end":{"exchange":"e1","status":200,"phases":[{"name":"total","ms":1.5}]}}`},
		{"an end without an exchange", head + `"time":"2026-11-24T03:20:27.000000Z","end":{"status":200}}`},
		{"another kind", head + `"time":"2026-11-24T03:20:27.000000Z","lease":{"id":"l","session":"x"}}`},
		{"a time that is none", head + `"time":"now","end":{"exchange":"e1"}}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			var want Digest
			wantErr := json.Unmarshal([]byte(row.line), &want)
			got, err := Line{Raw: []byte(row.line)}.Digest()
			if (err == nil) != (wantErr == nil) || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v; want %+v, %v", got, err, want, wantErr)
			}
		})
	}
}

func TestTouches(t *testing.T) {
	uses := []UseDigest{{"c"}, {"d"}, {"c"}}
	seen := []SeenDigest{{"ckr_e_[ticket]"}, {"ghp_ckr_f-1_0123456789abcdefghjkmnpqrs"}, {"none"}}
	for _, row := range []struct {
		name string
		d    DecisionDigest
		want []Touch
	}{
		{"nothing", DecisionDigest{Host: "h"}, []Touch{{"", "h", access.Deny}}},
		{"what it may use, each once", DecisionDigest{Outcome: "allow", Uses: uses, Seen: seen},
			[]Touch{{"c", "", access.Allow}, {"d", "", access.Allow}, {"", "", access.Allow}}},
		{"what was refused", DecisionDigest{Outcome: "needs_approval", Seen: seen},
			[]Touch{{"e", "", access.NeedsApproval}, {"f-1", "", access.NeedsApproval}, {"", "", access.NeedsApproval}}},
	} {
		if got := row.d.Touches(); !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
}
