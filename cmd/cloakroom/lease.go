package main

import "github.com/spf13/cobra"

func newLease(o *options) *cobra.Command {
	return group("lease", "Time-bound authority over a credential",
		newLeaseRequest(o), newLeaseStatus(o), newLeaseExtend(o), newLeaseEnd(o), // an agent's own
		newLeaseList(o), newLeaseRevoke(o), newLeaseBars(o), newLeaseLift(o))
}
