package agent

import _ "embed"

// Instructions tell an agent how to use placeholders, tickets and approvals, in
// words for a model. docs/agents.md prints the same.
//
//go:embed instructions.txt
var Instructions string
