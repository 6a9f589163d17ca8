package rego

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/tester"
)

func TestRegoTestsPass(t *testing.T) {
	modules := map[string]*ast.Module{}
	for name, text := range regoFiles(t) {
		m, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		modules[name] = m
	}
	results, err := tester.NewRunner().SetModules(modules).SetDefaultRegoVersion(ast.RegoV1).RunTests(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for r := range results {
		n++
		if !r.Pass() {
			t.Errorf("%s: %v", r.Name, r.Error)
		}
	}
	if n < 10 {
		t.Errorf("only %d tests ran", n)
	}
}

func TestRegoFilesAreFormatted(t *testing.T) {
	for name, text := range regoFiles(t) {
		want, err := format.Source(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if string(want) != text {
			t.Errorf("%s: opa fmt would write\n%s", name, want)
		}
	}
}

func TestEveryRegoFileHasATestBesideIt(t *testing.T) {
	files := regoFiles(t)
	for name, text := range files {
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		if files[strings.TrimSuffix(name, ".rego")+"_test.rego"] == "" {
			t.Errorf("%s has no test beside it", name)
		}
		if !strings.HasPrefix(text, "# METADATA\n") || !strings.Contains(text, "entrypoint: true\ndefault ") {
			t.Errorf("%s: want metadata on the package, and a default on the entrypoint", name)
		}
	}
}

func regoFiles(t *testing.T) map[string]string {
	t.Helper()
	names, err := fs.Glob(builtIn, "*.rego")
	if err != nil || len(names) == 0 {
		t.Fatal("no .rego files", err)
	}
	files := map[string]string{}
	for _, name := range names {
		text, err := builtIn.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	return files
}
