//go:build !unmasked

package exchange

import "cloakroom/internal/replace"

// Unmasked tells that this build does not mask what agents get.
const Unmasked = false

// masking is what is taken out of a response under a snapshot.
func masking(s *Snapshot) *replace.Set { return s.masks }
