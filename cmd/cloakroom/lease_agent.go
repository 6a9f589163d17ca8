package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// ownLeases asks the gateway about the caller's own leases, with its token.
type ownLeases struct {
	gateway
	asJSON bool
}

func (own *ownLeases) flags(c *cobra.Command) {
	own.gateway.flags(c)
	c.Flags().BoolVar(&own.asJSON, "json", false, "print the gateway's answer as JSON")
}

// leaseRequest is what `lease request` was asked for, and its JSON.
type leaseRequest struct {
	Credential string          `json:"credential"`
	Reason     string          `json:"reason"`
	Operation  *leaseOperation `json:"operation,omitempty"`
	Wait       int             `json:"wait,omitempty"` // seconds
}

type leaseOperation struct {
	Method     string `json:"method"`
	Host       string `json:"host"`
	Path       string `json:"path"`
	BodySHA256 string `json:"body_sha256,omitempty"`
}

// ownLease is a lease as the gateway tells it.
type ownLease struct {
	Ticket, Lease, Credential, State, Ending, Message, Scope string
	Ends                                                     time.Time
	UsesLeft                                                 *int   `json:"uses_left"`
	ApprovalURL                                              string `json:"approval_url"`
}

func newLeaseRequest(o *options) *cobra.Command {
	var (
		own       ownLeases
		q         leaseRequest
		operation leaseOperation
		wait      time.Duration
	)
	c := &cobra.Command{
		Use: "request CREDENTIAL", Short: "Ask the gateway for a ticket, to use as an SDK's API key",
		Long: `Ask the gateway for a ticket, to use as an SDK's API key. The caller's identity
token is read from $` + tokenVariable + ` or --token-file, never from the arguments. Where
people must approve, the ticket is printed at once and works once they have: exit
code 4 says that it does not yet.`,
		Args: oneArg("the credential's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Credential, q.Wait = args[0], seconds(wait)
			if operation != (leaseOperation{}) {
				q.Operation = &operation
			}
			return own.ask(cmd, o, http.MethodPost, "/leases", q, wait)
		},
	}
	own.flags(c)
	c.Flags().StringVar(&q.Reason, "reason", "", "why, for the record and for who approves")
	c.Flags().DurationVar(&wait, "wait", 0, "be held until people have answered, 50s at most")
	c.Flags().StringVar(&operation.Method, "method", "", "of the one request that you want to make, with --host and --path")
	c.Flags().StringVar(&operation.Host, "host", "", "its host")
	c.Flags().StringVar(&operation.Path, "path", "", "its path, with the query")
	c.Flags().StringVar(&operation.BodySHA256, "body-sha256", "", "the hash of its body, in hex")
	return c
}

func newLeaseStatus(o *options) *cobra.Command {
	var own ownLeases
	var wait time.Duration
	c := &cobra.Command{
		Use: "status LEASE", Short: "Tell how a lease of yours stands: exit code 0 active, 4 pending, 3 ended",
		Args: oneArg("the lease's id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/leases/" + url.PathEscape(args[0])
			if s := seconds(wait); s > 0 {
				path += fmt.Sprintf("?wait=%ds", s)
			}
			return own.ask(cmd, o, http.MethodGet, path, nil, wait)
		},
	}
	own.flags(c)
	c.Flags().DurationVar(&wait, "wait", 0, "be held while it is pending, 50s at most")
	return c
}

func newLeaseExtend(o *options) *cobra.Command {
	var own ownLeases
	var by time.Duration
	c := &cobra.Command{
		Use: "extend LEASE", Short: "Make an active lease of yours end later",
		Args: oneArg("the lease's id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return own.ask(cmd, o, http.MethodPost, "/leases/"+url.PathEscape(args[0])+"/extend", map[string]int{"seconds": seconds(by)}, 0)
		},
	}
	own.flags(c)
	c.Flags().DurationVar(&by, "by", time.Minute, "how much later, in whole seconds")
	return c
}

func newLeaseEnd(o *options) *cobra.Command {
	var own ownLeases
	c := &cobra.Command{
		Use: "end LEASE", Short: "Hand a lease of yours back; its ticket ends with it",
		Args: oneArg("the lease's id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := own.ask(cmd, o, http.MethodDelete, "/leases/"+url.PathEscape(args[0]), nil, 0)
			if errors.Is(err, errLeaseEnded) {
				return nil
			}
			return err
		},
	}
	own.flags(c)
	return c
}

// seconds are whole ones: half a second is one.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// errLeaseEnded is the error of a lease that has ended.
var errLeaseEnded = errors.New("the lease has ended")

// ask asks, prints the lease, and returns an error with the exit code that
// tells its state.
func (own *ownLeases) ask(cmd *cobra.Command, o *options, method, path string, body any, wait time.Duration) error {
	if err := own.find(o); err != nil {
		return err
	}
	text, err := own.do(cmd.Context(), method, path, body, wait)
	if err != nil {
		return err
	}
	var l ownLease
	if err := json.Unmarshal(text, &l); err != nil {
		return fmt.Errorf("the gateway's answer is no lease: %w", err)
	}
	if own.asJSON {
		_, err = cmd.OutOrStdout().Write(text)
	} else {
		err = l.print(cmd.OutOrStdout())
	}
	if err != nil {
		return err
	}
	return l.state()
}

// print prints a ticket alone, for scripts; else what the lease is.
func (l ownLease) print(w io.Writer) error {
	if l.Ticket != "" {
		_, err := fmt.Fprintln(w, l.Ticket)
		return err
	}
	return table(w, "LEASE\tCREDENTIAL\tSTATE\tSCOPE\tENDS\tUSES LEFT", func(w io.Writer) {
		uses := "-"
		if l.UsesLeft != nil {
			uses = fmt.Sprint(*l.UsesLeft)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", l.Lease, l.Credential, l.State, l.Scope, l.Ends.Format(time.RFC3339), uses)
	})
}

func (l ownLease) state() error {
	switch l.State {
	case "active":
		return nil
	case "pending":
		err := fmt.Errorf("lease %s waits for approval at %s", l.Lease, l.ApprovalURL)
		return coded{hinted{err, "cloakroom lease status " + l.Lease + " --wait 50s"}, exitPending}
	}
	return coded{fmt.Errorf("lease %s: %w: %s", l.Lease, errLeaseEnded, l.Message), exitDenied}
}
