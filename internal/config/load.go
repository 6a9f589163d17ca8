package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v4"

	"cloakroom/internal/inventory"
	"cloakroom/internal/secret"
)

// maxFile is the largest file that is read, in bytes.
const maxFile = 4 << 20

// Load reads and checks the file at path. Environment variables are looked up
// by env, os.LookupEnv for the process's own. What is wrong is an Errors with
// everything at once, and then there is no Config; warnings come either way.
func Load(path string, env func(string) (string, bool)) (*Config, []Warning, error) {
	data, err := readConfig(path)
	if err != nil {
		return nil, nil, unreadable(path, err)
	}
	return parse(path, data, env, true)
}

func unreadable(path string, err error) Errors {
	return Errors{{File: path, Message: err.Error(), Hint: "name a configuration file with --config"}}
}

// LoadRules is Load for whoever only looks at rules and records: it reads no
// value, so that the sources need not be there.
func LoadRules(path string, env func(string) (string, bool)) (*Config, []Warning, error) {
	data, err := readConfig(path)
	if err != nil {
		return nil, nil, unreadable(path, err)
	}
	return parse(path, data, env, false)
}

func readConfig(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, bare(err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("the file is over %d MiB", maxFile>>20)
	}
	return data, nil
}

// bare drops the path that the error's place tells anyway.
func bare(err error) error {
	var e *os.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// loader is one run of Load.
type loader struct {
	cfg      *Config
	dir      string // of the file: what relative paths start from
	env      func(string) (string, bool)
	judging  bool // values are read and judged
	errs     Errors
	warnings []Warning

	tiers     map[string]inventory.Tier
	names     map[string]*yaml.Node // of credentials
	values    map[[32]byte]string   // credentials by the digest of their value
	hosts     map[string]bool       // that some upstream serves
	receiving map[string]bool       // hosts that some credential may go to
	listening map[string]*yaml.Node // addresses that are taken
	upstreams []*yaml.Node          // beside cfg.Envoy.Upstreams
	buttons   *yaml.Node            // of a tier whose questions a chat's button answers
	keysNamed bool                  // there is a keys section
}

func parse(path string, data []byte, env func(string) (string, bool), values bool) (*Config, []Warning, error) {
	l := &loader{
		cfg: &Config{File: path, Sources: map[string]secret.Source{}}, dir: filepath.Dir(path), env: env, judging: values,
		tiers: map[string]inventory.Tier{}, names: map[string]*yaml.Node{}, values: map[[32]byte]string{},
		hosts: map[string]bool{}, receiving: map[string]bool{}, listening: map[string]*yaml.Node{},
	}
	if root := l.document(data); root != nil {
		l.root(root)
	}
	if len(l.errs) > 0 {
		return nil, l.warnings, l.errs.sorted()
	}
	return l.cfg, l.warnings, nil
}

// document reads the one document that data must be.
func (l *loader) document(data []byte) *yaml.Node {
	if len(bytes.TrimSpace(data)) == 0 {
		l.fail(nil, "see examples/quickstart/cloakroom.yaml", "the file is empty")
		return nil
	}
	decoder, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		l.syntax(err)
		return nil
	}
	var doc, second yaml.Node
	if err := decoder.Load(&doc); err != nil {
		l.syntax(err)
		return nil
	}
	if err := decoder.Load(&second); err == nil {
		l.fail(&second, "put everything into the first document", "a second YAML document")
	} else if !errors.Is(err, io.EOF) {
		l.syntax(err)
	}
	if len(doc.Content) != 1 {
		l.fail(nil, "see examples/quickstart/cloakroom.yaml", "the file is empty")
		return nil
	}
	l.refuseOdd(doc.Content[0])
	return doc.Content[0]
}

// syntax tells an error of the YAML library.
func (l *loader) syntax(err error) {
	e := Error{File: l.cfg.File, Message: "not YAML: " + err.Error()}
	var at *yaml.LoadError
	switch {
	case errors.Is(err, io.EOF):
		e.Message = "the file is empty"
	case errors.As(err, &at):
		e.Message = "not YAML: " + at.Message
		e.Line, e.Column = at.Mark.Line, at.Mark.Column
	}
	l.errs = append(l.errs, e)
}

// root reads the sections in an order in which each finds what it speaks of.
func (l *loader) root(n *yaml.Node) {
	sections := map[string]*yaml.Node{}
	f := fields{}
	for _, name := range []string{"identity", "tiers", "credentials", "placeholders", "mask", "policy", "store", "record", "keys", "listen", "admin", "webhooks", "slack", "envoy"} {
		f[name] = func(n *yaml.Node) { sections[name] = n }
	}
	if !l.mapping(n, "the configuration", f) {
		return
	}
	l.keysNamed = sections["keys"] != nil
	for _, s := range []struct {
		name string
		read func(*yaml.Node) // nil if the section is not there
	}{
		{"identity", l.identity}, {"tiers", l.tierSection}, {"envoy", l.envoy}, {"credentials", l.credentials},
		{"placeholders", l.placeholders}, {"mask", l.mask}, {"policy", l.policy}, {"store", l.store}, {"record", l.record},
		{"keys", l.keys}, {"listen", l.listen}, {"admin", l.admin},
		{"webhooks", l.webhooks}, {"slack", l.slack},
	} {
		s.read(sections[s.name])
	}
	l.plaintext()
	l.answerable(sections["tiers"])
	if sections["credentials"] == nil && sections["policy"] == nil {
		l.fail(n, "declare credentials, or a policy with a dir", "neither credentials nor a policy: every request would be denied")
	}
}
