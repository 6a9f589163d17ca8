package main

import "github.com/spf13/cobra"

func newLog(o *options) *cobra.Command {
	return group("log", "The log of what was decided and done", newLogVerify(o), newLogKey(o), newLogCheckpoint(o), newLogExport(o))
}
