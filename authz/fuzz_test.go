package authz

import (
	"encoding/json"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"cloakroom/internal/access"
)

// FuzzCheck takes any bytes that are a CheckRequest. None panics; none is let go
// by a decider that denies; no pseudo-header is taken for a header; and what
// policy is shown has a JSON form.
func FuzzCheck(f *testing.F) {
	for _, change := range []func(*authv3.CheckRequest){
		func(*authv3.CheckRequest) {},
		func(in *authv3.CheckRequest) { in.Attributes = nil },
		func(in *authv3.CheckRequest) { in.Attributes.Request.Http = nil },
		func(in *authv3.CheckRequest) { in.Attributes.Source = nil },
		func(in *authv3.CheckRequest) { in.Attributes.Request.Http.HeaderMap = nil },
		func(in *authv3.CheckRequest) { in.Attributes.Request.Http.RawBody = []byte("{}") },
		func(in *authv3.CheckRequest) { in.Attributes.Request.Time.Seconds = -1 << 62 },
	} {
		in := request()
		change(in)
		seed, err := proto.Marshal(in)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		in := &authv3.CheckRequest{}
		if proto.Unmarshal(text, in) != nil {
			t.Skip()
		}
		d := &decider{}
		if out := check(t, d, in); out.GetOkResponse() != nil || out.GetDeniedResponse() == nil || out.GetStatus().GetCode() == 0 {
			t.Fatalf("got %v", out)
		}
		if d.asked == nil {
			return
		}
		for _, h := range d.asked.Headers {
			if strings.HasPrefix(h.Name, ":") {
				t.Fatalf("header %q", h.Name)
			}
		}
		if _, err := json.Marshal(d.attributes); err != nil {
			t.Fatal(err)
		}
		d.answer = access.Decision{Outcome: access.Allow, Grant: &access.Grant{Exchange: "e"}}
		if out := check(t, d, in); out.GetDynamicMetadata().GetFields()["grant"].GetStringValue() != "sealed e" {
			t.Fatalf("got %v", out)
		}
	})
}
