package exchange

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"cloakroom/internal/inventory"
	"cloakroom/internal/replace"
	"cloakroom/internal/secret"
)

// Snapshot is the rules and values that an exchange lives under, from its first
// message to its last. Rules, values and masks are compiled together, so that
// no value can be substituted that would not also be masked.
type Snapshot struct {
	id     string
	rules  *inventory.Set
	masks  *replace.Set
	values map[string]secret.Value
}

// Compile makes a snapshot. current holds the value of every credential whose
// source works now; former holds values by credential that are no longer
// substituted but still masked: replaced ones, and the last good one of a
// source that fails. key makes the snapshot's id.
func Compile(key [32]byte, rules *inventory.Set, current map[string]secret.Value, former map[string][]secret.Value) (*Snapshot, error) {
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
	return &Snapshot{id: idOf(key, all), rules: rules, masks: masks, values: current}, nil
}

// ID tells the pattern set of the snapshot from others: those of the same values of
// the same credentials have one id, and without the key it says nothing of them.
func (s *Snapshot) ID() string { return s.id }

func idOf(key [32]byte, all []replace.Secret) string {
	keyed := func(text []byte) []byte {
		mac := hmac.New(sha256.New, key[:])
		mac.Write(text)
		return mac.Sum(nil)
	}
	var lines []string
	for _, s := range all {
		lines = append(lines, s.Name+" "+string(keyed(s.Value)))
	}
	slices.Sort(lines)
	return hex.EncodeToString(keyed([]byte(strings.Join(lines, "\n")))[:8])
}

// Rules are the inventory of the snapshot.
func (s *Snapshot) Rules() *inventory.Set { return s.rules }

// Mask hides every value of the snapshot in a text of ours: a log's field, a
// metric's label. It is what record.Open asks for.
func (s *Snapshot) Mask(text string) replace.Masked { return s.masks.Mask(text, nil) }
