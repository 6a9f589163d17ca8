package rego

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"

	"cloakroom/internal/access"
)

// parsedPath adds parsed_path (the decoded path's segments) and parsed_query
// (name → list of values).
func parsedPath(top *fields, path string) error {
	u, err := url.Parse(path)
	if err != nil {
		return errors.New("the path cannot be parsed") // url.Error would quote it
	}
	top.list("parsed_path", texts(strings.Split(strings.TrimLeft(u.Path, "/"), "/")))
	top.object("parsed_query", lists(u.Query()))
	return nil
}

func lists(values url.Values) fields {
	f := make(fields, 0, len(values))
	for key, vs := range values {
		f = append(f, [2]*ast.Term{ast.StringTerm(key), ast.ArrayTerm(texts(vs)...)})
	}
	return f
}

// parsedBody adds parsed_body (null where there is none, or none that can be
// parsed) and truncated_body.
func parsedBody(top *fields, in *access.Input) error {
	body, truncated, err := bodyTerm(in)
	if err != nil {
		return fmt.Errorf("parsing the body: %w", err)
	}
	top.put("parsed_body", body)
	top.yes("truncated_body", truncated)
	return nil
}

func bodyTerm(in *access.Input) (_ *ast.Term, truncated bool, _ error) {
	none := ast.NullTerm()
	kind := strings.Join(in.Request.Header("content-type"), ",")
	if access.ShowsBody(in.Request.Route) {
		kind = usualKind(kind)
	}
	parse := bodyParser(kind)
	if parse == nil || len(in.Request.Body) == 0 {
		return none, false, nil
	}
	if in.Request.BodyTruncated {
		return none, true, nil
	}
	if lengths := in.Request.Header("content-length"); len(lengths) > 0 {
		n, err := strconv.ParseInt(lengths[0], 10, 64)
		if err != nil {
			return nil, false, errors.New("content-length is no number")
		}
		if n > int64(len(in.Request.Body)) {
			return none, true, nil
		}
	}
	t, err := parse([]byte(hidden(in, string(in.Request.Body))))
	return t, false, err
}

// usualKind is a content type by the name that the plugin knows. Values take their
// places in JSON of every name, and in every case: a rule about the body holds for
// all that the backend might read.
func usualKind(kind string) string {
	name, parameters, err := mime.ParseMediaType(kind)
	switch {
	case err != nil:
		return kind
	case name == "text/json" || strings.HasSuffix(name, "+json"):
		return "application/json"
	}
	return mime.FormatMediaType(name, parameters)
}

// bodyParser chooses by content type; nil: such bodies are not parsed. A gRPC
// message is not: without its descriptor it says nothing.
func bodyParser(kind string) func([]byte) (*ast.Term, error) {
	switch {
	case strings.Contains(kind, "application/json"):
		return jsonTerm
	case strings.Contains(kind, "application/x-www-form-urlencoded"):
		return func(b []byte) (*ast.Term, error) {
			values, err := url.ParseQuery(string(b))
			if err != nil {
				return nil, errors.New("not a form")
			}
			return ast.NewTerm(ast.NewObject(lists(values)...)), nil
		}
	case strings.Contains(kind, "multipart/form-data"):
		return func(b []byte) (*ast.Term, error) { return multipartTerm(kind, b) }
	}
	return nil
}

func jsonTerm(b []byte) (*ast.Term, error) {
	var x any
	if err := util.UnmarshalJSON(b, &x); err != nil {
		return nil, errors.New("not JSON") // the parser's own error may quote the body
	}
	v, err := ast.InterfaceToValue(x)
	if err != nil {
		return nil, errors.New("not JSON")
	}
	return ast.NewTerm(v), nil
}

func multipartTerm(kind string, b []byte) (*ast.Term, error) {
	_, params, err := mime.ParseMediaType(kind)
	if err != nil {
		return nil, errors.New("bad content-type")
	}
	if params["boundary"] == "" {
		return ast.NullTerm(), nil
	}
	parts := map[string][]*ast.Term{}
	r := multipart.NewReader(bytes.NewReader(b), params["boundary"])
	for {
		part, err := r.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, errors.New("not a multipart form")
		}
		if err := addPart(parts, part); err != nil {
			return nil, err
		}
	}
	var f fields
	for key, values := range parts {
		f = append(f, [2]*ast.Term{ast.StringTerm(key), ast.ArrayTerm(values...)})
	}
	return ast.NewTerm(ast.NewObject(f...)), nil
}

func addPart(parts map[string][]*ast.Term, part *multipart.Part) error {
	key := part.FormName()
	if key == "" {
		return nil
	}
	text, err := io.ReadAll(part)
	if err != nil {
		return errors.New("not a multipart form")
	}
	value := ast.StringTerm(string(text))
	if strings.Contains(part.Header.Get("Content-Type"), "application/json") {
		if value, err = jsonTerm(text); err != nil {
			return err
		}
	}
	parts[key] = append(parts[key], value)
	return nil
}
