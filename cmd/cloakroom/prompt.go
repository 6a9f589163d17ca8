package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// errDeclined means that a person was asked, and did not say yes.
var errDeclined = errors.New("nothing was done")

// confirm asks on the terminal whether to go on. Where there is none, only
// --yes (sure) goes on.
func confirm(cmd *cobra.Command, question string, sure bool) error {
	if sure {
		return nil
	}
	if !isTerminal(cmd.InOrStdin()) {
		return usageError{hinted{errors.New("nobody can be asked: the input is no terminal"), "say --yes if you are sure"}}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	typed := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n') // what cannot be read is no yes
		typed <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case line := <-typed:
		if line == "y" || line == "yes" {
			return nil
		}
	case <-cmd.Context().Done(): // Ctrl-C ends no read
		fmt.Fprintln(cmd.ErrOrStderr())
	}
	return errDeclined
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
