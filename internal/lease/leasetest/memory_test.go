package leasetest

import (
	"testing"

	"cloakroom/internal/lease"
)

func TestMemory(t *testing.T) {
	TestStore(t, func(*testing.T) lease.Store { return new(Memory) })
}

func TestMachineInMemory(t *testing.T) {
	TestMachine(t, 600, func(*testing.T) lease.Store { return new(Memory) })
}
