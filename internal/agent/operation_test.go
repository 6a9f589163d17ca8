package agent

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestOperation(t *testing.T) {
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	some := strings.Repeat("ab", 32)
	for _, tt := range []struct{ name, in, want string }{
		{"none", `null`, `{"body":""}`},
		{"GET", `{"method":"GET","host":"a.test","path":"/x"}`, `{"method":"GET","host":"a.test","path":"/x","body":""}`},
		{"in another case", `{"method":"get","host":"A.test","path":"/X"}`, `{"method":"GET","host":"a.test","path":"/X","body":""}`},
		{"a body that nobody saw", `{"method":"POST","host":"a.test","path":"/x"}`, `{"method":"POST","host":"a.test","path":"/x","body":"","unseen":true}`},
		{"a body", `{"method":"POST","host":"a.test","path":"/x","body_sha256":"` + some + `"}`, `{"method":"POST","host":"a.test","path":"/x","body":"` + some + `"}`},
		{"an empty body", `{"method":"POST","host":"a.test","path":"/x","body_sha256":"` + empty + `"}`, `{"method":"POST","host":"a.test","path":"/x","body":""}`},

		{"an empty one", `{}`, "operation"},
		{"no method", `{"host":"a.test","path":"/x"}`, "operation"},
		{"no host", `{"method":"GET","path":"/x"}`, "operation"},
		{"no path", `{"method":"GET","host":"a.test"}`, "operation"},
		{"half a hash", `{"method":"GET","host":"a.test","path":"/x","body_sha256":"abcd"}`, "operation.body_sha256"},
		{"no hash", `{"method":"GET","host":"a.test","path":"/x","body_sha256":"` + strings.Repeat("xy", 32) + `"}`, "operation.body_sha256"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var o *operation
			if err := json.Unmarshal([]byte(tt.in), &o); err != nil {
				t.Fatal(err)
			}
			named, err := o.named()
			if err != nil {
				if !strings.HasPrefix(err.Error(), tt.want+":") || named.Named() {
					t.Errorf("got %+v, %v, want %s", named, err, tt.want)
				}
				return
			}
			if got, err := json.Marshal(named); err != nil || string(got) != tt.want {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}
