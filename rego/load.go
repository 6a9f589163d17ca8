package rego

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/loader"
)

//go:embed *.rego
var builtIn embed.FS

// sources is everything a policy is made of, before it is compiled.
type sources struct {
	path     string // of the decision, as configured
	decision ast.Ref
	texts    map[string]string
	modules  map[string]*ast.Module
	data     map[string]any
}

func load(o Options) (*sources, error) {
	s := &sources{path: o.Decision, texts: map[string]string{}, modules: map[string]*ast.Module{}, data: map[string]any{}}
	if s.path == "" {
		s.path = DefaultDecision
	}
	var err error
	if s.decision, err = decisionRef(s.path); err != nil {
		return nil, err
	}
	if err := s.addBuiltIn(); err != nil {
		return nil, err
	}
	if err := s.addDir(o.Dir); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(o.Modules)) {
		m, err := ast.ParseModuleWithOpts(name, o.Modules[name], ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			return nil, fmt.Errorf("reading policy %q: %w", name, err)
		}
		if err := s.add(name, o.Modules[name], m); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// decisionRef turns "envoy/authz/allow" into data.envoy.authz.allow.
func decisionRef(p string) (ast.Ref, error) {
	ref := ast.DefaultRootRef.Copy()
	for part := range strings.SplitSeq(strings.Trim(p, "/"), "/") {
		if part == "" {
			return nil, fmt.Errorf("decision %q: want a path such as %q", p, DefaultDecision)
		}
		ref = append(ref, ast.StringTerm(part))
	}
	return ref, nil
}

func (s *sources) addBuiltIn() error {
	names, err := fs.Glob(builtIn, "*.rego")
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		text, err := builtIn.ReadFile(name)
		if err != nil {
			return err
		}
		m, err := ast.ParseModuleWithOpts(name, string(text), ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			return fmt.Errorf("reading built-in policy %q: %w", name, err)
		}
		name = path.Join("cloakroom", name)
		s.texts[name], s.modules[name] = string(text), m
	}
	return nil
}

// addDir reads the author's files. A directory without a policy is an error:
// a misspelt path must not fall back to what is built in.
func (s *sources) addDir(dir string) error {
	if dir == "" {
		return nil
	}
	skip := func(p string, info os.FileInfo, _ int) bool {
		hidden := strings.HasPrefix(info.Name(), ".") && p != dir && info.Name() != "." && info.Name() != ".."
		return hidden || strings.HasSuffix(p, "_test.rego")
	}
	found, err := loader.NewFileLoader().WithRegoVersion(ast.RegoV1).Filtered([]string{dir}, skip)
	if err != nil {
		return fmt.Errorf("reading policy directory %q: %w", dir, err)
	}
	if len(found.Modules) == 0 {
		return fmt.Errorf("reading policy directory %q: no .rego file in it", dir)
	}
	for _, name := range slices.Sorted(maps.Keys(found.Modules)) {
		f := found.Modules[name]
		if err := s.add(name, string(f.Raw), f.Parsed); err != nil {
			return err
		}
	}
	if reserved, ok := found.Documents["cloakroom"].(map[string]any); ok && !onlyAuthor(reserved) {
		return fmt.Errorf("reading policy directory %q: data below \"cloakroom\" is Cloakroom's own; use another name", dir)
	}
	s.data = found.Documents
	return nil
}

func onlyAuthor(data map[string]any) bool {
	_, author := data["author"]
	return author && len(data) == 1
}

// add takes a module of the author's in. It may extend the built-in policy in
// package cloakroom.author only: a rule added to another of its packages could
// open what is closed.
func (s *sources) add(name, text string, m *ast.Module) error {
	p := m.Package.Path
	if len(p) > 1 && p[1].Value.Compare(ast.String("cloakroom")) == 0 &&
		(len(p) < 3 || p[2].Value.Compare(ast.String("author")) != 0) {
		return fmt.Errorf("reading policy %q: package %s is Cloakroom's own; extend it in package cloakroom.author, or use a package of your own as the decision", name, m.Package)
	}
	if _, taken := s.modules[name]; taken {
		return fmt.Errorf("reading policy %q: the name is taken", name)
	}
	s.texts[name], s.modules[name] = text, m
	return nil
}

// compile compiles all modules, and refuses a decision that no rule and no
// package can answer: else a misspelt path would only deny, for ever.
func (s *sources) compile(allowNet []string) (*ast.Compiler, error) {
	c := ast.NewCompiler().WithCapabilities(capabilities(allowNet)).WithDefaultRegoVersion(ast.RegoV1)
	if c.Compile(s.modules); c.Failed() {
		return nil, fmt.Errorf("compiling the policy: %w", errors.Join(compileErrors(c.Errors)...))
	}
	if len(c.GetRulesDynamicWithOpts(s.decision, ast.RulesOptions{})) == 0 {
		return nil, fmt.Errorf("compiling the policy: no rule answers decision %q", s.path)
	}
	return c, nil
}

func compileErrors(errs ast.Errors) []error {
	out := make([]error, len(errs))
	for i, e := range errs {
		out[i] = e
	}
	return out
}

// capabilities is what a policy may call: everything but what would tell it of
// this machine's names, and http.send only towards the listed hosts. An empty
// list allows no host; OPA takes a nil one for "any".
func capabilities(allowNet []string) *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.AllowNet = append([]string{}, allowNet...)
	c.Builtins = slices.DeleteFunc(slices.Clone(c.Builtins), func(b *ast.Builtin) bool {
		return b.Name == ast.NetLookupIPAddr.Name
	})
	return c
}

func (s *sources) revision(allowNet []string) string {
	h := sha256.New()
	put := func(text string) { fmt.Fprintf(h, "%d:%s", len(text), text) }
	put(s.path)
	for _, name := range slices.Sorted(maps.Keys(s.texts)) {
		put(name)
		put(s.texts[name])
	}
	data, _ := json.Marshal(s.data) // a map's keys come sorted; what was read from JSON or YAML can be written
	put(string(data))
	for _, host := range slices.Sorted(slices.Values(allowNet)) {
		put(host)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
