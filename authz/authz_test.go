package authz

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"cloakroom/internal/access"
)

// decider answers what it is told, and remembers what it was asked.
type decider struct {
	answer     access.Decision
	asked      *access.Request
	attributes any
	panics     bool
}

func (d *decider) Decide(_ context.Context, r *access.Request, attributes func() any) access.Decision {
	if d.panics {
		panic("the request's token")
	}
	d.asked, d.attributes = r, attributes()
	return d.answer
}

// sealer seals a grant as the name of its exchange.
type sealer struct{ err error }

func (s sealer) Seal(g access.Grant) (string, error) { return "sealed " + g.Exchange, s.err }

func server(t testing.TB, d Decider, s Sealer) *Server {
	t.Helper()
	srv, err := New(d, s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

// check asks once.
func check(t testing.TB, d *decider, in *authv3.CheckRequest) *authv3.CheckResponse {
	t.Helper()
	out, err := server(t, d, sealer{}).Check(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func raw(pairs ...string) *corev3.HeaderMap {
	m := &corev3.HeaderMap{}
	for i := 0; i < len(pairs); i += 2 {
		m.Headers = append(m.Headers, &corev3.HeaderValue{Key: pairs[i], RawValue: []byte(pairs[i+1])})
	}
	return m
}

// request is a check as Envoy sends it with encode_raw_headers.
func request() *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
			SocketAddress: &corev3.SocketAddress{Address: "10.0.0.7", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 4711}}}}},
		Request: &authv3.AttributeContext_Request{Time: timestamppb.New(time.Unix(1_800_000_000, 0)),
			Http: &authv3.AttributeContext_HttpRequest{Method: "GET", Host: "api.example.com", Path: "/a?b=c", Scheme: "https",
				HeaderMap: raw(":method", "GET", ":path", "/a?b=c", "cookie", "a=1", "x", "\xff", "cookie", "b=2", ":authority", "api.example.com")}},
		ContextExtensions: map[string]string{"cloakroom.route": "r", "cloakroom.cluster": "c", "other": "x"},
	}}
}

func TestTranslation(t *testing.T) {
	d := &decider{}
	check(t, d, request())
	r := d.asked
	got := fmt.Sprintf("%s %s %s %s %s %s %s %d %q", r.Method, r.Scheme, r.Authority, r.Path, r.Source, r.Route, r.Cluster, r.Time.Unix(), r.Headers)
	want := `GET https api.example.com /a?b=c 10.0.0.7:4711 r c 1800000000 [{"cookie" "a=1"} {"x" "\xff"} {"cookie" "b=2"}]`
	if got != want || r.Body != nil {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTranslationOfTheOlderForm(t *testing.T) {
	d, in := &decider{}, request()
	h := in.Attributes.Request.Http
	h.HeaderMap, h.Headers = nil, map[string]string{":method": "GET", "x": "1", "x-envoy-auth-partial-body": "true"}
	h.Body = "part"
	in.Attributes.Source.Address = &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: "/run/x"}}}
	in.Attributes.ContextExtensions = nil
	check(t, d, in)
	if r := d.asked; len(r.Headers) != 2 || strings.Join(r.Header("x"), "") != "1" || string(r.Body) != "part" || !r.BodyTruncated ||
		r.Source != "/run/x" || r.Route != "" || r.Cluster != "" {
		t.Errorf("got %+v", d.asked)
	}
}

func TestAttributes(t *testing.T) {
	d, in := &decider{}, request()
	check(t, d, in)
	text, err := json.Marshal(d.attributes)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"cookie":"a=1,b=2"`, `"path":"/a?b=c"`, `"portValue":4711`, `"contextExtensions":{`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if strings.Contains(string(text), "headerMap") {
		t.Errorf("header_map is still there: %s", text)
	}
	if in.Attributes.Request.Http.HeaderMap == nil {
		t.Error("the check itself was changed")
	}
}

func TestAllow(t *testing.T) {
	d := &decider{answer: access.Decision{Outcome: access.Allow, Exchange: "e1", Grant: &access.Grant{Exchange: "e1"}, Change: access.Change{
		RemoveRequestHeaders: []string{"authorization"}, SetRequestHeaders: []access.Header{{Name: "x-user", Value: "u"}},
		SetResponseHeaders: []access.Header{{Name: "x-a", Value: "b"}}, SetQuery: []access.Header{{Name: "q", Value: "1"}}, RemoveQuery: []string{"z"},
		Metadata: map[string]any{"grant": "forged by policy", "exchange": "x", "mine": map[string]any{"a": 1.0}}}}}
	out := check(t, d, request())
	ok := out.GetOkResponse()
	if out.GetStatus().GetCode() != int32(codes.OK) || ok == nil {
		t.Fatalf("got %v", out)
	}
	fields := out.GetDynamicMetadata().GetFields()
	if fields["grant"].GetStringValue() != "sealed e1" || fields["exchange"].GetStringValue() != "e1" || fields["mine"] == nil {
		t.Errorf("metadata %v", fields)
	}
	h := ok.GetHeaders()[0]
	if h.GetHeader().GetValue() != "u" || len(h.GetHeader().GetRawValue()) != 0 {
		t.Errorf("header %v: Envoy reads value here, and makes raw_value an empty line", h)
	}
	if ok.GetHeadersToRemove()[0] != "authorization" || ok.GetResponseHeadersToAdd()[0].GetHeader().GetValue() != "b" ||
		ok.GetQueryParametersToSet()[0].GetValue() != "1" || ok.GetQueryParametersToRemove()[0] != "z" {
		t.Errorf("got %v", ok)
	}
}

// TestMetadataWithoutAGrant: policy alone cannot put one there.
func TestMetadataWithoutAGrant(t *testing.T) {
	for name, metadata := range map[string]map[string]any{
		"a grant of policy's own": {"grant": "forged"},
		"what is no JSON":         {"a": func() {}},
		"nothing":                 nil,
	} {
		d := &decider{answer: access.Decision{Outcome: access.Allow, Exchange: "e1", Change: access.Change{Metadata: metadata}}}
		fields := check(t, d, request()).GetDynamicMetadata().GetFields()
		if fields["grant"] != nil || fields["exchange"].GetStringValue() != "e1" {
			t.Errorf("%s: metadata %v", name, fields)
		}
	}
}

func TestDeny(t *testing.T) {
	refusal := func(c access.Code) *access.Refusal { return &access.Refusal{Code: c, Message: "why", Record: "e1"} }
	tests := []struct {
		name     string
		decision access.Decision
		status   int32
		code     codes.Code
		body     string
		headers  string
	}{
		{"the zero decision", access.Decision{}, 403, codes.PermissionDenied, `"code":"denied"`, "content-type=application/json"},
		{"no identity", access.Decision{Refusal: refusal(access.Unauthenticated)}, 401, codes.Unauthenticated, `"code":"unauthenticated"`,
			`www-authenticate=Bearer realm="cloakroom" content-type=application/json`},
		{"not granted", access.Decision{Refusal: refusal(access.NotGranted)}, 403, codes.PermissionDenied, `"record":"e1"`, "content-type=application/json"},
		{"needs approval", access.Decision{Outcome: access.NeedsApproval, Refusal: refusal(access.ApprovalPending)}, 403, codes.PermissionDenied,
			`"code":"approval_pending"`, "content-type=application/json"},
		{"try again", access.Decision{Refusal: &access.Refusal{Code: access.ApprovalPending, Approval: "l1", ApprovalURL: "https://a/approvals/l1",
			RetryAfter: 4100 * time.Millisecond}}, 403, codes.PermissionDenied,
			`"approval":"l1","approval_url":"https://a/approvals/l1","retry_after":5}`, "retry-after=5 content-type=application/json"},
		{"an outcome that is unknown", access.Decision{Outcome: 9, Grant: &access.Grant{}}, 403, codes.PermissionDenied, `"code":"denied"`, "content-type=application/json"},
		{"policy's own words", access.Decision{Refusal: refusal(access.Denied), Change: access.Change{Status: 429, Body: "slow down", HasBody: true,
			SetResponseHeaders: []access.Header{{Name: "retry-after", Value: "1"}}}}, 429, codes.PermissionDenied, "slow down", "retry-after=1"},
		{"policy's empty body", access.Decision{Change: access.Change{HasBody: true}}, 403, codes.PermissionDenied, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := check(t, &decider{answer: tt.decision}, request())
			d := out.GetDeniedResponse()
			if d == nil || int32(d.GetStatus().GetCode()) != tt.status || out.GetStatus().GetCode() != int32(tt.code) || !strings.Contains(d.GetBody(), tt.body) {
				t.Errorf("got %v", out)
			}
			var headers []string
			for _, h := range d.GetHeaders() {
				headers = append(headers, h.GetHeader().GetKey()+"="+h.GetHeader().GetValue())
				if len(h.GetHeader().GetRawValue()) != 0 {
					t.Errorf("header %v: Envoy reads value here", h)
				}
			}
			if got := strings.Join(headers, " "); got != tt.headers {
				t.Errorf("headers %q, want %q", got, tt.headers)
			}
		})
	}
}

func TestEveryDoubtDenies(t *testing.T) {
	allow := access.Decision{Outcome: access.Allow, Exchange: "e1", Grant: &access.Grant{}}
	for name, tt := range map[string]struct {
		decider *decider
		sealer  sealer
		in      *authv3.CheckRequest
		want    string
	}{
		"no attributes":    {&decider{answer: allow}, sealer{}, &authv3.CheckRequest{}, "denied"},
		"no HTTP request":  {&decider{answer: allow}, sealer{}, &authv3.CheckRequest{Attributes: &authv3.AttributeContext{}}, "denied"},
		"nothing at all":   {&decider{answer: allow}, sealer{}, nil, "denied"},
		"no sealed grant":  {&decider{answer: allow}, sealer{errors.New("too large")}, request(), "unavailable"},
		"a decider panics": {&decider{panics: true}, sealer{}, request(), "unavailable"},
	} {
		out, err := server(t, tt.decider, tt.sealer).Check(t.Context(), tt.in)
		if err != nil || !strings.Contains(out.GetDeniedResponse().GetBody(), `"code":"`+tt.want+`"`) {
			t.Errorf("%s: got %v, %v", name, out, err)
		}
		if out.GetDynamicMetadata().GetFields()["grant"] != nil || strings.Contains(out.String(), "token") {
			t.Errorf("%s: got %v", name, out)
		}
	}
}

func TestNewNeedsBoth(t *testing.T) {
	for _, tt := range []struct {
		d Decider
		s Sealer
	}{{nil, sealer{}}, {&decider{}, nil}} {
		if _, err := New(tt.d, tt.s, slog.Default()); err == nil {
			t.Errorf("made a server of %v and %v", tt.d, tt.s)
		}
	}
}
