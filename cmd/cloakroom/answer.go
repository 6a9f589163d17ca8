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
)

// answering is what `approval approve` and `approval deny` were asked for.
type answering struct {
	approve        bool
	scope, reason  string
	admin, issuer  string
	sure           bool
	stdout, stderr io.Writer
	question       approval.Question
}

const answerLong = `

The question is shown first. The answer takes a login in the browser that is made
for it (admin.login.cli_client_id); no token is kept. Where the configuration
names no such client the question's page is opened instead, and waited for.

Exit codes: 0 it is answered, 3 the answer was refused or is another, 4 more
people must answer.`

func newApprove(o *options) *cobra.Command {
	a := &answering{approve: true}
	c := &cobra.Command{
		Use: "approve QUESTION", Short: "Let a principal use a credential, as it asks",
		Long: "Let a principal use a credential, as it asks, and for no more than --scope says." + answerLong,
		Args: oneArg("the question's id, or how it begins"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.run(cmd, o, args[0]) },
	}
	c.Flags().StringVar(&a.scope, "scope", "", "operation, path or credential (default the narrowest that is offered, but never credential)")
	a.flags(c)
	return c
}

func newDeny(o *options) *cobra.Command {
	a := &answering{}
	c := &cobra.Command{
		Use: "deny QUESTION", Short: "Refuse a principal the use of a credential",
		Long: "Refuse a principal the use of a credential. The agent is told the reason." + answerLong,
		Args: oneArg("the question's id, or how it begins"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.run(cmd, o, args[0]) },
	}
	c.Flags().StringVar(&a.reason, "reason", "", "why, for the agent")
	a.flags(c)
	return c
}

func (a *answering) flags(c *cobra.Command) {
	c.Flags().StringVar(&a.admin, "admin", "", "ask the admin listener at this URL, after a login, and not the store here")
	c.Flags().StringVar(&a.issuer, "issuer", "", "name of the issuer to log in with (default: the first)")
	c.Flags().BoolVarP(&a.sure, "yes", "y", false, "do not ask on the terminal: the login is the answer")
}

func (a *answering) run(cmd *cobra.Command, o *options, id string) error {
	if !a.approve && a.reason == "" {
		return usageError{hinted{errors.New("a denial without a reason"), "give --reason: the agent is told it"}}
	}
	a.stdout, a.stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
	ctx := cmd.Context()
	if a.admin != "" {
		r, err := openRemote(ctx, o, a.admin, a.issuer, a.stderr)
		if err == nil {
			a.question, err = r.question(ctx, id)
		}
		if err == nil {
			err = a.agree(cmd)
		}
		if err != nil {
			return err
		}
		return a.bring(ctx, r.client, r.login)
	}
	return withLeases(ctx, o, func(ls leases) (err error) {
		if a.question, err = ls.question(ctx, id); err != nil {
			return err
		}
		if err := a.agree(cmd); err != nil {
			return err
		}
		client, err := newAdminClient(ls.config, "")
		if err != nil {
			return err
		}
		login, err := openLogin(ls.config, a.issuer)
		if err != nil {
			return err
		}
		if login == nil {
			return a.onPage(ctx, ls, client)
		}
		return a.bring(ctx, client, login)
	})
}

// agree shows the question, and asks the person at the terminal.
func (a *answering) agree(cmd *cobra.Command) error {
	if err := a.choose(); err != nil {
		return err
	}
	if err := printQuestion(a.stderr, a.question, time.Now()); err != nil {
		return err
	}
	return confirm(cmd, a.ask(), a.sure)
}

// choose sets the scope that was not named: the narrowest, but nobody lets a
// credential be used for everything without saying so.
func (a *answering) choose() error {
	if !a.approve {
		return nil
	}
	offered := a.question.Scopes
	if a.scope == "" && len(offered) > 0 && offered[0] != lease.ScopeCredential.String() {
		a.scope = offered[0]
	}
	for _, s := range offered {
		if s == a.scope {
			return nil
		}
	}
	if a.scope == "" {
		return usageError{hinted{errors.New("the question names no operation"), "say --scope credential to allow whatever its rules permit"}}
	}
	return usageError{fmt.Errorf("--scope %q: the question offers %q", a.scope, offered)}
}

func (a *answering) ask() string {
	if a.approve {
		return fmt.Sprintf("\nApprove this, with scope %s?", a.scope)
	}
	return "\nDeny this?"
}

// bring has the person log in for this answer, and brings it to the service.
func (a *answering) bring(ctx context.Context, client *adminClient, l *cliLogin) error {
	c, err := client.challenge(ctx, a.question, a, l.Issuer)
	if err != nil {
		return err
	}
	if c.Issuer != l.Issuer || c.ClientID != l.CLIClientID {
		return hinted{errors.New("the service wants a login of another client than this configuration"), "use the service's configuration, or --issuer"}
	}
	if !client.fits(c) {
		return hinted{fmt.Errorf("the service at %s wants a login for another place", client.base), "name it as its admin.url does; if you did, do not trust it"}
	}
	token, err := l.token(ctx, a.stderr, "log in to answer", c.Nonce, time.Now())
	if err != nil {
		return err
	}
	done, err := client.answer(ctx, a.question.ID, c.Challenge, token)
	if err != nil {
		return err
	}
	return a.tell(done.State, done.Message)
}

// tell prints what came of the answer.
func (a *answering) tell(state, message string) error {
	fmt.Fprintln(a.stdout, approval.Plain(message))
	if a.approve && state == lease.Pending.String() {
		return coded{errors.New("more people must answer"), exitPending}
	}
	return nil
}

// onPage opens the question's page and waits until somebody has answered there.
func (a *answering) onPage(ctx context.Context, ls leases, client *adminClient) error {
	openURL(a.stderr, "answer on the page, in the browser that opens or at", client.page(a.question.ID))
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		k, err := ls.keeper(ctx)
		if err != nil {
			return err
		}
		l, err := k.ByID(ctx, a.question.ID, time.Now())
		if err != nil {
			return err
		}
		if state := becameOf(l); state != "pending" {
			return a.outcome(state)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return coded{errors.New("nobody has answered yet"), exitPending}
		}
	}
}

func (a *answering) outcome(state string) error {
	fmt.Fprintf(a.stdout, "question %s: %s\n", a.question.ID, state)
	if want := map[bool]string{true: "approved", false: "denied"}[a.approve]; state != want {
		return coded{fmt.Errorf("it is not %s", want), exitDenied}
	}
	return nil
}
