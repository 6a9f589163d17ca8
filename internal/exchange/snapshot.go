package exchange

import (
	"fmt"

	"cloakroom/internal/inventory"
	"cloakroom/internal/replace"
	"cloakroom/internal/secret"
)

// Snapshot is the rules and values that an exchange lives under, from its first
// message to its last. Rules, values and masks are compiled together, so that
// no value can be substituted that would not also be masked.
type Snapshot struct {
	rules  *inventory.Set
	masks  *replace.Set
	values map[string]secret.Value
}

// Compile makes a snapshot. current holds the value of every credential whose
// source works now; former holds values by credential that are no longer
// substituted but still masked: replaced ones, and the last good one of a
// source that fails.
func Compile(rules *inventory.Set, current map[string]secret.Value, former map[string][]secret.Value) (*Snapshot, error) {
	var all []replace.Secret
	for name, v := range current {
		all = append(all, replace.Secret{Name: name, Value: v.Reveal()})
	}
	for name, vs := range former {
		for _, v := range vs {
			all = append(all, replace.Secret{Name: name, Value: v.Reveal()})
		}
	}
	masks, err := replace.Compile(all)
	if err != nil {
		return nil, fmt.Errorf("compiling masks: %w", err)
	}
	return &Snapshot{rules: rules, masks: masks, values: current}, nil
}

// Rules are the inventory of the snapshot.
func (s *Snapshot) Rules() *inventory.Set { return s.rules }

// Mask hides every value of the snapshot in a text of ours: a log's field, a
// metric's label. It is what record.Open asks for.
func (s *Snapshot) Mask(text string) replace.Masked { return s.masks.Mask(text, nil) }
