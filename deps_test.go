// Package cloakroom_test holds the table of who may import whom.
package cloakroom_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "cloakroom"

// own is what a package may import of ours, its tests aside. A package that is
// not in the table is an error: who adds one decides here what it may know. A
// path that ends in "/..." speaks of the folder and all below it.
var own = map[string][]string{
	"internal/access":            {},
	"internal/replace":           {},
	"internal/coding":            {},
	"internal/gate":              {},
	"internal/run":               {},
	"internal/websocket":         {},
	"internal/search":            {},
	"internal/verify":            {"internal/access", "internal/checkpoint", "internal/inventory", "internal/lease", "internal/record", "internal/recording", "internal/search"},
	"internal/secret":            {},
	"internal/inventory":         {"internal/access"},
	"internal/fields":            {},
	"internal/body":              {"internal/access", "internal/coding", "internal/fields", "internal/inventory"},
	"internal/verify/verifytest": {"internal/access", "internal/checkpoint", "internal/record", "internal/record/recordtest", "internal/verify"},
	"internal/lease":             {"internal/access"},
	"internal/lease/leasetest":   {"internal/access", "internal/lease"},
	"internal/grant":             {"internal/access"},
	"internal/identity":          {"internal/access"},
	"internal/metrics":           {"internal/access"},
	"internal/admin":             {"internal/access"},
	"internal/record":            {"internal/access", "internal/lease", "internal/replace"},
	"internal/transcript":        {"internal/access", "internal/record", "internal/recording"},
	"internal/record/recordtest": {"internal/access", "internal/record", "internal/replace"},
	"internal/bucket":            {},
	"internal/recording":         {"internal/access", "internal/bucket", "internal/record"}, // masked bodies come as bytes: their frames are made anew around them
	"internal/config":            {"internal/access", "internal/inventory", "internal/secret"},
	"internal/checkpoint":        {"internal/bucket", "internal/record"}, // what it signs; it holds no key but its own
	"internal/decide":            {"internal/access", "internal/body", "internal/inventory", "internal/lease", "internal/record"},
	"internal/approval":          {"internal/access", "internal/inventory", "internal/lease", "internal/record"},
	"internal/agent":             {"internal/access", "internal/decide", "internal/lease"},
	"internal/console":           {"internal/access", "internal/approval", "internal/identity", "internal/inventory", "internal/lease", "internal/record", "internal/recording", "internal/transcript"}, // auditors read on the page
	"internal/exchange":          {"internal/access", "internal/body", "internal/coding", "internal/grant", "internal/inventory", "internal/record", "internal/recording", "internal/replace", "internal/secret", "internal/websocket"},
	"internal/whatif":            {"internal/access", "internal/decide", "internal/inventory", "internal/lease", "internal/record", "internal/recording"}, // decides again by the very stages
	"internal/export":            {"internal/access", "internal/record"},                                                                                  // the log as it stands: what it holds was masked
	"internal/notify":            {"internal/replace", "internal/secret"},                                                                                 // what leaves was masked; URLs and keys are values

	"internal/store/postgres":     {"internal/lease", "internal/record"},
	"internal/store/postgrestest": {}, // a test of any package may start a server

	"internal/store/sqlite": {"internal/access", "internal/lease", "internal/record"},
	"rego":                  {"internal/access"},
	"authz":                 {"internal/access"},
	"extproc":               {"internal/access", "internal/exchange"},
	"envoy":                 {},
	"integration/...":       {},
	"bench/corpus":          {},
	"bench/mask":            {"bench/corpus", "internal/replace"},                                                     // the rewriter is measured by itself
	"bench":                 {"bench/corpus", "envoy", "internal/run", "internal/store/postgrestest", "examples/..."}, // what it measures with; the service is a child
	"examples/...":          {"examples/..."},
	"cmd/...":               {"authz", "extproc", "envoy", "rego", "internal/..."},
}

// only says which packages may import a library, their tests included. Package
// bench has no-op services to compare with, and package integration speaks to
// the service as callers do that are not Envoy.
var only = map[string][]string{
	"github.com/open-policy-agent/opa":          {"rego"},
	"github.com/coreos/go-oidc":                 {"internal/identity"},
	"golang.org/x/oauth2":                       {"internal/identity"},
	"golang.org/x/text":                         {"internal/identity"},
	"github.com/klauspost/compress":             {"internal/coding", "internal/recording", "integration/..."},
	"github.com/andybalholm/brotli":             {"internal/coding", "integration/..."},
	"github.com/envoyproxy/go-control-plane":    {"authz", "extproc", "envoy", "bench/...", "integration/..."},
	"modernc.org/sqlite":                        {"internal/store/..."},
	"database/sql":                              {"internal/store/..."},
	"github.com/jackc/pgx":                      {"internal/store/..."},
	"github.com/prometheus/client_golang":       {"internal/metrics"},
	"github.com/spf13/cobra":                    {"cmd/..."},
	"go.opentelemetry.io":                       {"internal/export", "integration/..."},
	"github.com/modelcontextprotocol/go-sdk":    {"internal/agent", "cmd/...", "integration/..."},
	"github.com/chromedp":                       {"integration/..."},
	"github.com/santhosh-tekuri/jsonschema":     {"internal/console", "internal/export", "internal/transcript"},
	"github.com/transparency-dev":               {"internal/checkpoint", "internal/config", "internal/verify"},
	"github.com/aws":                            {"internal/recording"},
	"gocloud.dev":                               {"internal/bucket", "internal/checkpoint", "internal/recording", "cmd/..."},
	"github.com/Azure":                          {"integration/..."},
	"golang.org/x/time":                         {"internal/notify"},
	"github.com/zitadel/oidc":                   {"examples/..."},
	"github.com/coder/websocket":                {"integration/..."},
	"github.com/standard-webhooks":              {"internal/notify"},
	"google.golang.org/protobuf":                {"authz", "extproc", "envoy", "bench/...", "integration/..."},
	"google.golang.org/genproto/googleapis/rpc": {"authz", "extproc", "envoy", "bench/...", "integration/..."},
	"google.golang.org/grpc":                    {"authz", "extproc", "internal/gate", "bench/...", "cmd/...", "integration/..."},

	"github.com/compose-spec/compose-go":          {"integration/docker"},
	"github.com/moby":                             {"integration/docker"},
	"github.com/testcontainers/testcontainers-go": {"integration/docker"},
}

// standardOnly are the packages that import nothing but the standard library
// and each other's table, their tests included.
var standardOnly = []string{"internal/access", "internal/replace", "internal/fields", "internal/inventory", "internal/lease", "internal/grant", "internal/websocket", "internal/search"}

// never holds for a package's tests too.
var never = map[string][]string{
	"internal/decide":   {"internal/secret", "internal/replace", "internal/exchange"},
	"internal/exchange": {"internal/decide"},
	"internal/record":   {"internal/secret"},
	"authz":             {"extproc"},
	"extproc":           {"authz"},
	"integration/...":   {"internal/...", "cmd/...", "authz", "extproc", "envoy", "rego"},
}

func TestImportsPointOneWay(t *testing.T) {
	for _, complaint := range judge(t, ".") {
		t.Error(complaint)
	}
}

// TestAForbiddenImportIsFound is the test of the test above.
func TestAForbiddenImportIsFound(t *testing.T) {
	tests := []struct{ name, file, imports, want string }{
		{"of ours, not in the table", "internal/decide/a.go", "cloakroom/internal/secret", `internal/decide may not import "cloakroom/internal/secret"`},
		{"of ours, in a test", "internal/decide/a_test.go", "cloakroom/internal/exchange", `internal/decide may not import "cloakroom/internal/exchange"`},
		{"of ours, from integration", "integration/x/a_test.go", "cloakroom/internal/access", `integration/x may not import "cloakroom/internal/access"`},
		{"the core from a transport", "authz/a.go", "cloakroom/extproc", `authz may not import "cloakroom/extproc"`},
		{"a library of another's", "internal/decide/a.go", "github.com/open-policy-agent/opa/v1/rego", "is for"},
		{"a library of another's, in a test", "cmd/cloakroom/a_test.go", "github.com/coreos/go-oidc/v3/oidc", "is for"},
		{"a driver", "internal/lease/a_test.go", "database/sql", "is for"},
		{"a library where none is", "internal/access/a_test.go", "golang.org/x/text/cases", "only the standard library"},
		{"a package without a line", "internal/util/a.go", "fmt", "not in the table"},
		{"nothing wrong", "internal/decide/a.go", "cloakroom/internal/access", ""},
		{"nothing wrong in a test", "internal/decide/a_test.go", "cloakroom/rego", ""},
		{"a name that only begins alike", "internal/decide/a.go", "github.com/open-policy-agent/opal", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			path := filepath.Join(root, tt.file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte("package a\n\nimport _ \""+tt.imports+"\"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			got := strings.Join(judge(t, root), "\n")
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// judge reads the imports of every Go file below root and returns what breaks
// the tables.
func judge(t *testing.T, root string) (complaints []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && path != root && (strings.HasPrefix(e.Name(), ".") || e.Name() == "testdata") {
			return filepath.SkipDir
		}
		if e.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil || folder == "." { // this file, which belongs to no package
			return err
		}
		for _, i := range file.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if c := complain(filepath.ToSlash(folder), name, strings.HasSuffix(path, "_test.go")); c != "" {
				complaints = append(complaints, filepath.Base(path)+": "+c)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return complaints
}

// complain says what is wrong with the import of name in a file of folder.
func complain(folder, name string, test bool) string {
	ours, isOurs := strings.CutPrefix(name, module+"/")
	allowed, known := find(own, folder)
	banned, _ := find(never, folder)
	forbidden := isOurs && (!test && !within(ours, allowed) || within(ours, banned))
	switch {
	case !known:
		return fmt.Sprintf("%s is not in the table of deps_test.go", folder)
	case forbidden:
		return fmt.Sprintf("%s may not import %q", folder, name)
	case isOurs:
		return ""
	case slices.Contains(standardOnly, folder) && strings.Contains(strings.Split(name, "/")[0], "."):
		return fmt.Sprintf("%s imports %q, and may import only the standard library", folder, name)
	}
	for library, folders := range only {
		if (name == library || strings.HasPrefix(name, library+"/")) && !within(folder, folders) {
			return fmt.Sprintf("%s imports %q, which is for %s", folder, name, strings.Join(folders, ", "))
		}
	}
	return ""
}

// find returns the line of a table that speaks of a folder.
func find(table map[string][]string, folder string) ([]string, bool) {
	if line, ok := table[folder]; ok {
		return line, true
	}
	for key, line := range table {
		if within(folder, []string{key}) {
			return line, true
		}
	}
	return nil, false
}

func within(folder string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		below, all := strings.CutSuffix(p, "/...")
		return folder == p || all && (folder == below || strings.HasPrefix(folder, below+"/"))
	})
}
