package integration

import "sync"

var (
	canariesMu sync.Mutex
	canaries   []string
)

// canary remembers a secret that must be in nothing that the run leaves.
func canary(secret string) {
	canariesMu.Lock()
	defer canariesMu.Unlock()
	canaries = append(canaries, secret)
}
