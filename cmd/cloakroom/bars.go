package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"cloakroom/internal/approval"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

// shownBar is one bar as `lease bars --json` prints it.
type shownBar struct {
	Bar        string    `json:"bar"`
	Principal  string    `json:"principal,omitempty"`  // empty: everybody
	Credential string    `json:"credential,omitempty"` // empty: every one
	Since      time.Time `json:"since"`
	Until      time.Time `json:"until,omitzero"` // zero: until it is lifted
	By         string    `json:"by"`
	Reason     string    `json:"reason,omitempty"`
}

func showBar(b lease.Bar) shownBar {
	return shownBar{b.ID, approval.Plain(b.Principal), approval.Plain(b.Credential), b.Since.UTC(), b.Until.UTC(), approval.Plain(b.By), approval.Plain(b.Reason)}
}

func (b shownBar) until() string {
	if b.Until.IsZero() {
		return "until it is lifted"
	}
	return "until " + b.Until.Format(time.RFC3339)
}

func newLeaseBars(o *options) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "bars", Short: "List what keeps leases from being opened", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			bars, err := listBars(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), bars)
			}
			return table(cmd.OutOrStdout(), "BAR\tPRINCIPAL\tCREDENTIAL\tSTANDS\tBY\tREASON", func(w io.Writer) {
				for _, b := range bars {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", b.Bar, orAll(b.Principal, "everybody"), orAll(b.Credential, "every one"), b.until(), b.By, b.Reason)
				}
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func listBars(ctx context.Context, o *options) ([]shownBar, error) {
	out := []shownBar{}
	err := withLeases(ctx, o, func(l leases) error {
		k, err := l.keeper(ctx)
		if err != nil {
			return err
		}
		for _, b := range k.Bars() {
			out = append(out, showBar(b))
		}
		return nil
	})
	return out, err
}

func newLeaseLift(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "lift BAR", Short: "Take a bar away, so that leases can be opened again", Args: oneArg("the bar's id, as lease bars lists it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withKeeper(cmd.Context(), o, func(l leases, k *lease.Keeper) error {
				err := k.Lift(cmd.Context(), args[0], time.Now())
				if errors.Is(err, lease.ErrUnknown) {
					return hinted{fmt.Errorf("no bar %q", args[0]), "cloakroom lease bars lists them"}
				}
				if err == nil {
					err = l.leave(cmd.Context(), record.Act{Name: "lift", Target: args[0]})
				}
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "lifted bar %s\n", args[0])
				return err
			})
		},
	}
}

func orAll(name, all string) string {
	if name == "" {
		return all
	}
	return name
}
