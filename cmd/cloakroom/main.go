// Command cloakroom is the service beside Envoy and its operators' tool.
//
// It is the only place that knows every package: service.go wires them, and
// each subcommand has a file of its own. Exit codes: 0 done, 1 failed, 2 usage,
// 3 denied, 4 pending.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"cloakroom/internal/transcript"
)

func main() {
	os.Exit(execute(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// execute is main without the process: it returns the exit code.
func execute(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	printError(stderr, err)
	return exitCode(err)
}

// options are the flags that every subcommand takes.
type options struct {
	config string
}

func newRoot() *cobra.Command {
	var o options
	root := &cobra.Command{
		Use:   "cloakroom",
		Short: "Keep credentials out of agents: they hold placeholders, Envoy and Cloakroom do the rest",
		Long: `Cloakroom stands beside Envoy. An agent sends a placeholder where a credential
would go; if policy allows, the real value takes its place on the way up and is
masked in whatever comes back.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{hinted{fmt.Errorf("no command %q", args[0]), "cloakroom --help lists them"}}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().StringVarP(&o.config, "config", "c", "cloakroom.yaml", "configuration file")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		newUp(&o), newServe(&o), newCheck(&o), newCredential(&o), newLease(&o), newApproval(&o), newMCP(&o),
		newSession(&o), newLog(&o), newStore(&o), newEnvoy(&o), newReady(&o), newVersion(),
	)
	return root
}

const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitDenied  = 3
	exitPending = 4
)

// usageError is an error in how the command was called.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// hinted is an error with a line that says what would work.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// coded is an error with an exit code of its own.
type coded struct {
	error
	code int
}

func (c coded) Unwrap() error { return c.error }

func exitCode(err error) int {
	var c coded
	var u usageError
	switch {
	case errors.As(err, &c):
		return c.code
	case errors.As(err, &u):
		return exitUsage
	}
	return exitFailed
}

// printError shows an error, which may quote what others wrote: a line of a policy.
func printError(w io.Writer, err error) {
	for _, line := range transcript.Lines("cloakroom: " + err.Error()) {
		fmt.Fprintln(w, line)
	}
	var h hinted
	if errors.As(err, &h) {
		fmt.Fprintf(w, "hint: %s\n", h.hint)
	}
}

// noArgs refuses arguments with the usage exit code.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no arguments, and was given %q", cmd.CommandPath(), args[0])}
	}
	return nil
}

// oneArg asks for exactly one argument.
func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError{fmt.Errorf("%s takes one argument: %s", cmd.CommandPath(), what)}
		}
		return nil
	}
}

// atMostOneArg takes one argument or none.
func atMostOneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usageError{fmt.Errorf("%s takes at most one argument: %s", cmd.CommandPath(), what)}
		}
		return nil
	}
}

// group is a command that only holds others.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, RunE: func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usageError{fmt.Errorf("%s has no subcommand %q: see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())}
		}
		return cmd.Help()
	}}
	c.AddCommand(subs...)
	return c
}
