package rego

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"golang.org/x/net/http/httpguts"

	"cloakroom/internal/access"
)

// decode reads a policy's result, once: a boolean, or the object that OPA's
// Envoy plugin knows. Of the plugin's keys and of ours that open something
// (grant, approval) a wrong type is an error; keys that nobody here knows are
// the author's own and passed over.
// Source: openpolicyagent.org/docs/envoy, "Example Policy with Object Response".
func decode(v ast.Value) (access.Verdict, error) {
	switch v := v.(type) {
	case ast.Boolean:
		if v {
			return access.Verdict{Outcome: access.Allow}, nil
		}
		return access.Verdict{Code: access.Denied, Reason: "the policy denies this"}, nil
	case ast.Object:
		r := result{object: v}
		verdict := r.verdict()
		if r.err != nil {
			return access.Verdict{}, r.err
		}
		return verdict, nil
	}
	return access.Verdict{}, fmt.Errorf("the result is %s, want a boolean or an object", ast.ValueName(v))
}

// result reads the keys of an object and keeps the first error.
type result struct {
	object ast.Object
	err    error
}

func (r *result) fail(key, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("the result's key %q %s", key, fmt.Sprintf(format, args...))
	}
}

func (r *result) value(key string) ast.Value {
	if t := r.object.Get(name(key)); t != nil {
		return t.Value
	}
	return nil
}

func (r *result) verdict() access.Verdict {
	allowed, given := r.boolean("allowed")
	if !given && r.err == nil {
		r.fail("allowed", "is missing")
	}
	approval, _ := r.boolean("approval")
	out := access.Verdict{Grant: r.strings("grant"), Change: r.change(allowed)}
	switch {
	case approval:
		out.Outcome, out.Code, out.Reason = access.NeedsApproval, access.ApprovalPending, "this needs an approval"
	case allowed:
		out.Outcome = access.Allow
		return out
	default:
		out.Code, out.Reason = access.Denied, "the policy denies this"
	}
	r.words(&out)
	return out
}

// words reads what only explains a refusal. Policies that were written for
// OPA's plugin may use these keys for something else, so another type is no
// error.
func (r *result) words(out *access.Verdict) {
	text := func(key string) string {
		s, _ := r.value(key).(ast.String)
		return string(s)
	}
	if code := access.Code(text("code")); out.Outcome == access.Deny && slices.Contains(codes, code) {
		out.Code = code
	}
	if reason := text("reason"); reason != "" {
		out.Reason = reason
	}
	out.Placeholder, out.Credential = text("placeholder"), text("credential")
}

var codes = []access.Code{
	access.Unauthenticated, access.Denied, access.ApprovalPending, access.ApprovalDenied, access.LeaseExpired,
	access.UnknownPlaceholder, access.NotGranted, access.TooLarge, access.Unavailable,
}

func (r *result) change(allowed bool) access.Change {
	var c access.Change
	out := r.headers("headers")
	added := r.headers("response_headers_to_add")
	c.RemoveRequestHeaders = r.strings("request_headers_to_remove")
	for i, h := range c.RemoveRequestHeaders {
		c.RemoveRequestHeaders[i] = strings.ToLower(h)
	}
	c.SetQuery = r.pairs("query_parameters_to_set")
	c.RemoveQuery = r.strings("query_parameters_to_remove")
	c.Metadata = r.metadata()
	c.Status = r.status()
	c.Body, c.HasBody = r.body()
	if allowed {
		c.SetRequestHeaders, c.SetResponseHeaders = out, added
	} else {
		c.SetResponseHeaders = out // as the plugin does: the others speak of a request that goes on
	}
	return c
}

func (r *result) boolean(key string) (value, given bool) {
	v := r.value(key)
	if v == nil {
		return false, false
	}
	b, ok := v.(ast.Boolean)
	if !ok {
		r.fail(key, "is %s, want a boolean", ast.ValueName(v))
	}
	return bool(b), true
}

// strings reads a list, or a set, of strings; nil if the key is not there.
func (r *result) strings(key string) []string {
	v := r.value(key)
	if v == nil {
		return nil
	}
	out := []string{}
	r.each(key, v, func(t *ast.Term) {
		s, ok := t.Value.(ast.String)
		if !ok {
			r.fail(key, "holds %s, want strings", ast.ValueName(t.Value))
		}
		out = append(out, string(s))
	})
	return out
}

func (r *result) each(key string, v ast.Value, f func(*ast.Term)) {
	switch v := v.(type) {
	case *ast.Array:
		v.Foreach(f)
	case ast.Set:
		v.Foreach(f)
	default:
		r.fail(key, "is %s, want a list", ast.ValueName(v))
	}
}

// pairs reads an object whose values are strings or lists of strings.
func (r *result) pairs(key string) []access.Header {
	v := r.value(key)
	if v == nil {
		return nil
	}
	o, ok := v.(ast.Object)
	if !ok {
		r.fail(key, "is %s, want an object", ast.ValueName(v))
		return nil
	}
	return r.entries(key, o, nil)
}

func (r *result) entries(key string, o ast.Object, out []access.Header) []access.Header {
	o.Foreach(func(k, v *ast.Term) {
		label, ok := k.Value.(ast.String)
		if !ok {
			r.fail(key, "has a key that is no string")
			return
		}
		if s, ok := v.Value.(ast.String); ok {
			out = append(out, access.Header{Name: string(label), Value: string(s)})
			return
		}
		r.each(key, v.Value, func(t *ast.Term) {
			s, ok := t.Value.(ast.String)
			if !ok {
				r.fail(key, "holds %s for %q, want strings", ast.ValueName(t.Value), string(label))
			}
			out = append(out, access.Header{Name: string(label), Value: string(s)})
		})
	})
	return out
}

// headers reads an object of headers, or a list of such objects. A name or a
// value that cannot stand in a header is an error: it would be smuggling.
func (r *result) headers(key string) []access.Header {
	var out []access.Header
	switch v := r.value(key).(type) {
	case nil:
	case ast.Object:
		out = r.entries(key, v, out)
	default:
		r.each(key, v, func(t *ast.Term) {
			o, ok := t.Value.(ast.Object)
			if !ok {
				r.fail(key, "holds %s, want objects", ast.ValueName(t.Value))
				return
			}
			out = r.entries(key, o, out)
		})
	}
	for i, h := range out {
		if !httpguts.ValidHeaderFieldName(h.Name) || !httpguts.ValidHeaderFieldValue(h.Value) {
			r.fail(key, "holds what cannot be a header")
		}
		out[i].Name = strings.ToLower(h.Name)
	}
	return out
}

// status reads http_status: a number that net/http knows as a status; 0 if the
// key is not there.
func (r *result) status() int {
	v := r.value("http_status")
	if v == nil {
		return 0
	}
	n, ok := v.(ast.Number)
	if !ok {
		r.fail("http_status", "is %s, want a number", ast.ValueName(v))
		return 0
	}
	code, ok := n.Int()
	if !ok || http.StatusText(code) == "" {
		r.fail("http_status", "is no HTTP status")
		return 0
	}
	return code
}

func (r *result) body() (string, bool) {
	v := r.value("body")
	if v == nil {
		return "", false
	}
	s, ok := v.(ast.String)
	if !ok {
		r.fail("body", "is %s, want a string", ast.ValueName(v))
	}
	return string(s), ok
}

func (r *result) metadata() map[string]any {
	v := r.value("dynamic_metadata")
	if v == nil {
		return nil
	}
	if _, ok := v.(ast.Object); !ok {
		r.fail("dynamic_metadata", "is %s, want an object", ast.ValueName(v))
		return nil
	}
	x, err := ast.JSON(v)
	m, ok := x.(map[string]any)
	if err != nil || !ok {
		r.err = errors.Join(r.err, errors.New("the result's key \"dynamic_metadata\" is no JSON object"))
	}
	return m
}
