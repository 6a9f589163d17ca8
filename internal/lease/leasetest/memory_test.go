package leasetest

import (
	"testing"

	"cloakroom/internal/lease"
)

func TestMemory(t *testing.T) {
	TestStore(t, func(*testing.T) lease.Store { return new(Memory) })
}
