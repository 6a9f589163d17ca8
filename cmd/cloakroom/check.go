package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"cloakroom/internal/config"
	"cloakroom/internal/gate"
	"cloakroom/internal/inventory"
	"cloakroom/internal/secret"
	"cloakroom/internal/transcript"
	"cloakroom/rego"
)

func newCheck(o *options) *cobra.Command {
	var show, asJSON, buckets bool
	c := &cobra.Command{
		Use: "check", Short: "Check the configuration and report every error at once", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_ = gate.Undumpable() // the values are read to be judged
			cfg, warnings, err := config.Load(o.config, os.LookupEnv)
			if asJSON && (err != nil || !show) {
				return reportJSON(cmd.OutOrStdout(), warnings, err)
			}
			for _, w := range warnings {
				fmt.Fprintf(cmd.ErrOrStderr(), "cloakroom: warning: %s\n", w)
			}
			if err != nil {
				return err
			}
			if _, err := rego.New(cmd.Context(), rego.Options{Dir: cfg.Policy.Dir, Decision: cfg.Policy.Decision, AllowNet: cfg.Policy.AllowNet}); err != nil {
				return err
			}
			if buckets {
				if err := tryBuckets(cmd.Context(), cfg); err != nil {
					return err
				}
			}
			if show {
				return printResolved(cmd.OutOrStdout(), cfg, asJSON)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is good: %d credentials, %d upstreams, %d issuers\n",
				o.config, len(cfg.Credentials), len(cfg.Envoy.Upstreams), len(cfg.Identity.Issuers))
			return nil
		},
	}
	c.Flags().BoolVar(&show, "print", false, "print the resolved rules and placeholders, never a value")
	c.Flags().BoolVar(&buckets, "buckets", false, "also ask the outside store and the witnesses' buckets whether they can be used")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// reportJSON prints errors and warnings, and fails if there are errors.
func reportJSON(w io.Writer, warnings []config.Warning, err error) error {
	report := struct {
		Errors   []config.Error   `json:"errors"`
		Warnings []config.Warning `json:"warnings"`
	}{[]config.Error{}, append([]config.Warning{}, warnings...)}
	var all config.Errors
	if errors.As(err, &all) {
		report.Errors = all
	}
	if encodeErr := printJSON(w, report); encodeErr != nil {
		return encodeErr
	}
	if err != nil {
		return fmt.Errorf("%d errors in the configuration", len(report.Errors))
	}
	return nil
}

func printResolved(w io.Writer, cfg *config.Config, asJSON bool) error {
	key, err := placeholderKey(cfg)
	if err != nil {
		return err
	}
	prefixes := make(map[string]string)
	for _, c := range cfg.Credentials {
		prefixes[c.Name] = c.Prefix
	}
	resolved := cfg.Resolved(func(name string) string {
		if key == nil {
			return "(made on the first start)"
		}
		return prefixes[name] + key.Placeholder(name)
	})
	if asJSON {
		return printJSON(w, resolved)
	}
	text, err := yaml.Marshal(resolved)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// placeholderKey is the instance's, nil if no root key was made yet: looking
// must not make one.
func placeholderKey(cfg *config.Config) (*inventory.Key, error) {
	root, err := existingRoot(cfg)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	keys, err := root.Keys()
	if err != nil {
		return nil, err
	}
	key := inventory.Key(keys.Placeholder())
	return &key, nil
}

func existingRoot(cfg *config.Config) (secret.Root, error) {
	if cfg.Keys.Env != "" {
		return secret.RootFromEnv(cfg.Keys.Env, os.LookupEnv)
	}
	return secret.ReadRoot(cfg.Keys.File)
}

func printJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(transcript.JSON(b.Bytes()))
	return err
}
