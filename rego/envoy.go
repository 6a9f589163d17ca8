package rego

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"cloakroom/internal/access"
)

// The version that OPA's Envoy plugin tells of for Envoy's v3 API.
var version = ast.NewTerm(ast.NewObject(
	[2]*ast.Term{name("ext_authz"), name("v3")},
	[2]*ast.Term{name("encoding"), name("protojson")},
))

// envoyInput adds the keys that OPA's Envoy plugin gives.
// Source: openpolicyagent.org/docs/envoy, "Example Input", and the plugin's
// envoyauth/request.go for what each content type of a body becomes.
func (p *Policy) envoyInput(top *fields, in *access.Input) error {
	w := p.wants
	if w.key("attributes") {
		a, err := attributes(in, w)
		if err != nil {
			return err
		}
		top.put("attributes", a)
	}
	if w.key("version") {
		top.put("version", version)
	}
	if w.key("parsed_path") || w.key("parsed_query") {
		if err := parsedPath(top, hidden(in, in.Request.Path)); err != nil {
			return err
		}
	}
	if w.key("parsed_body") || w.key("truncated_body") {
		return parsedBody(top, in)
	}
	return nil
}

// attributes is the request as Envoy's CheckRequest tells it, in protobuf's
// JSON form. What the policy needs of the HTTP request always comes from
// access.Request, without identity tokens and tickets; the transport is asked
// for the rest only by a policy that looks at the rest.
func attributes(in *access.Input, w wants) (*ast.Term, error) {
	http := httpFields(in, w.body)
	if !w.foreign || in.Attributes == nil {
		var request, all fields
		request.object("http", http)
		if !in.Request.Time.IsZero() {
			request.text("time", in.Request.Time.UTC().Format(time.RFC3339Nano))
		}
		all.object("request", request)
		if source := address(in.Request.Source); source != nil {
			all.object("source", source)
		}
		return ast.NewTerm(ast.NewObject(all...)), nil
	}
	told, ok := in.Attributes().(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the transport's attributes are no object")
	}
	return merged(told, http, in)
}

// merged takes the transport's attributes, puts http in the place of what it
// says itself, and takes tickets out of every other text.
func merged(told map[string]any, http fields, in *access.Input) (*ast.Term, error) {
	told = maps.Clone(told)
	request, _ := told["request"].(map[string]any)
	delete(told, "request")
	request = maps.Clone(request)
	theirs, _ := request["http"].(map[string]any)
	delete(request, "http")
	for _, key := range []string{"id", "protocol", "fragment", "size"} {
		if v, ok := theirs[key].(string); ok {
			http.text(key, hidden(in, v))
		}
	}
	var rf, all fields
	rf.object("http", http)
	if err := rf.any(request, in); err != nil {
		return nil, err
	}
	all.object("request", rf)
	if err := all.any(told, in); err != nil {
		return nil, err
	}
	return ast.NewTerm(ast.NewObject(all...)), nil
}

// any adds the entries of a JSON-like object.
func (f *fields) any(m map[string]any, in *access.Input) error {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		v, err := ast.InterfaceToValue(cleaned(m[key], in))
		if err != nil {
			return fmt.Errorf("reading attribute %q: %w", key, err)
		}
		*f = append(*f, [2]*ast.Term{ast.StringTerm(key), ast.NewTerm(v)})
	}
	return nil
}

func cleaned(v any, in *access.Input) any {
	switch v := v.(type) {
	case string:
		return hidden(in, v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = cleaned(v[i], in)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = cleaned(e, in)
		}
		return out
	}
	return v
}

func httpFields(in *access.Input, body bool) fields {
	r := in.Request
	f := make(fields, 0, 8)
	f.text("method", r.Method)
	f.text("path", hidden(in, r.Path))
	f.text("host", r.Authority)
	if r.Scheme != "" {
		f.text("scheme", r.Scheme)
	}
	f.object("headers", headers(in))
	if body && len(r.Body) > 0 {
		text := hidden(in, string(r.Body))
		f.text("body", text)
		f.text("rawBody", base64.StdEncoding.EncodeToString([]byte(text)))
	}
	return f
}

// headers is Envoy's header map: pseudo-headers included, and repeated lines
// joined with commas.
func headers(in *access.Input) fields {
	r := in.Request
	f := make(fields, 0, len(r.Headers)+4)
	f.text(":authority", r.Authority)
	f.text(":method", r.Method)
	f.text(":path", hidden(in, r.Path))
	if r.Scheme != "" {
		f.text(":scheme", r.Scheme)
	}
	for i, h := range r.Headers {
		if removed(in, h.Name) || slices.ContainsFunc(r.Headers[:i], func(e access.Header) bool { return e.Name == h.Name }) {
			continue
		}
		value := h.Value
		if rest := r.Headers[i+1:]; slices.ContainsFunc(rest, func(e access.Header) bool { return e.Name == h.Name }) {
			value = strings.Join(r.Header(h.Name), ",")
		}
		f = append(f, [2]*ast.Term{ast.StringTerm(h.Name), ast.StringTerm(hiddenHeader(in, value))})
	}
	return f
}

// hiddenHeader is hidden for a header's value, where Basic credentials can
// carry a ticket in base64.
func hiddenHeader(in *access.Input, value string) string {
	scheme, encoded, ok := strings.Cut(value, " ")
	if ok && in.Hide != nil && strings.EqualFold(scheme, "basic") {
		if plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded)); err == nil {
			if text := string(plain); hidden(in, text) != text {
				return scheme + " " + base64.StdEncoding.EncodeToString([]byte(hidden(in, text)))
			}
		}
	}
	return hidden(in, value)
}

func address(source string) fields {
	host, port, err := net.SplitHostPort(source)
	if err != nil {
		return nil
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil
	}
	var socket, addr, peer fields
	socket.text("address", host)
	socket.put("portValue", ast.IntNumberTerm(n))
	addr.object("socketAddress", socket)
	peer.object("address", addr)
	return peer
}
