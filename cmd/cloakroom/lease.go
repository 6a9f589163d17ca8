package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cloakroom/internal/agent"
)

func newLease(o *options) *cobra.Command {
	return group("lease", "Time-bound authority over a credential", newLeaseRequest(o), newLeaseList(o), newLeaseRevoke(o), newLeaseBars(o), newLeaseLift(o))
}

// leaseRequest is what `lease request` was asked for.
type leaseRequest struct {
	gateway, tokenFile, reason string
	asJSON                     bool
}

// tokenVariable is where an agent's own token is looked for: never an argument,
// which others of the machine can read.
const tokenVariable = "CLOAKROOM_TOKEN"

func newLeaseRequest(o *options) *cobra.Command {
	var q leaseRequest
	c := &cobra.Command{
		Use: "request CREDENTIAL", Short: "Ask the gateway for a ticket, to use as an SDK's API key",
		Long: `Ask the gateway for a ticket, to use as an SDK's API key. The caller's identity
token is read from $` + tokenVariable + ` or --token-file, never from the arguments.`,
		Args: oneArg("the credential's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if q.gateway == "" {
				cfg, err := loadRules(o.config)
				if err != nil {
					return hinted{err, "or name the gateway with --gateway http://HOST:PORT"}
				}
				q.gateway = "http://" + cfg.Envoy.Listen
			}
			return q.run(cmd.Context(), args[0], cmd.OutOrStdout())
		},
	}
	c.Flags().StringVar(&q.gateway, "gateway", "", "the gateway's base URL (default: envoy.listen of the configuration)")
	c.Flags().StringVar(&q.tokenFile, "token-file", "", "file with the identity token")
	c.Flags().StringVar(&q.reason, "reason", "", "why, for the record")
	c.Flags().BoolVar(&q.asJSON, "json", false, "print the gateway's answer as JSON")
	return c
}

func (q leaseRequest) token() (string, error) {
	if q.tokenFile != "" {
		b, err := os.ReadFile(q.tokenFile)
		return strings.TrimSpace(string(b)), err
	}
	if t := os.Getenv(tokenVariable); t != "" {
		return t, nil
	}
	return "", usageError{hinted{errors.New("no identity token"), "set " + tokenVariable + " or give --token-file"}}
}

func (q leaseRequest) run(ctx context.Context, credential string, w io.Writer) error {
	token, err := q.token()
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"credential": credential, "reason": q.reason})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(q.gateway, "/")+agent.Path+"/leases", bytes.NewReader(body))
	if err != nil {
		return usageError{fmt.Errorf("gateway %q: not a URL", q.gateway)}
	}
	r.Header.Set("authorization", "Bearer "+token)
	r.Header.Set("content-type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("asking the gateway: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("reading the gateway's answer: %w", err)
	}
	return q.print(answer.StatusCode, text, w)
}

func (q leaseRequest) print(status int, text []byte, w io.Writer) error {
	var got struct {
		Ticket, Lease, Ends string
		Error               struct{ Code, Message string }
	}
	if err := json.Unmarshal(text, &got); err != nil {
		return fmt.Errorf("the gateway answered %d without JSON", status)
	}
	if status != http.StatusCreated {
		code := exitDenied
		if got.Error.Code == "approval_pending" {
			code = exitPending
		}
		return coded{fmt.Errorf("%s: %s", got.Error.Code, got.Error.Message), code}
	}
	if q.asJSON {
		_, err := w.Write(text)
		return err
	}
	_, err := fmt.Fprintln(w, got.Ticket)
	return err
}
