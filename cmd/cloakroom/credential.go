package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"cloakroom/internal/config"
	"cloakroom/internal/inventory"
	"cloakroom/internal/transcript"
)

// listed is one credential as `credential ls` shows it: never a value.
type listed struct {
	Name        string   `json:"name"`
	Placeholder string   `json:"placeholder"`
	Tier        string   `json:"tier"`
	Groups      []string `json:"groups"`
	In          []string `json:"in"` // where the placeholder may stand, by any of its rules
	Description string   `json:"description,omitempty"`
}

func newCredential(o *options) *cobra.Command {
	var asJSON bool
	ls := &cobra.Command{
		Use: "ls", Short: "List credentials and the placeholders to hand to an agent, never values", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadRules(o.config)
			if err != nil {
				return err
			}
			all, err := listCredentials(cfg)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), all)
			}
			return table(cmd.OutOrStdout(), "NAME\tTIER\tGROUPS\tIN\tPLACEHOLDER", func(w io.Writer) {
				for _, c := range all {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", c.Name, c.Tier, strings.Join(c.Groups, ","), strings.Join(c.In, ","), c.Placeholder)
				}
			})
		},
	}
	ls.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return group("credential", "What agents may be given", ls)
}

// listCredentials makes the root key if there is none yet, so that the
// placeholders can be handed out before the first start.
func listCredentials(cfg *config.Config) ([]listed, error) {
	root, err := rootKey(cfg)
	if err != nil {
		return nil, err
	}
	keys, err := root.Keys()
	if err != nil {
		return nil, err
	}
	set, err := inventoryOf(cfg, keys)
	if err != nil {
		return nil, err
	}
	all := []listed{}
	for _, c := range set.Credentials() {
		all = append(all, listed{c.Name, c.Placeholder, c.Tier.Name, cfg.GroupNames(c.Groups), locations(c), c.Description})
	}
	return all, nil
}

func locations(c *inventory.Credential) []string {
	in := []string{}
	for _, r := range c.Rules {
		for _, at := range r.In {
			if !slices.Contains(in, at.String()) {
				in = append(in, at.String())
			}
		}
	}
	return in
}

// table prints aligned columns.
func table(w io.Writer, head string, rows func(io.Writer)) error {
	var b bytes.Buffer
	fmt.Fprintln(&b, head)
	rows(&b)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for line := range strings.Lines(b.String()) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		for i, c := range cells {
			cells[i] = transcript.Visible(c) // agents and issuers chose some
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}
