package identity

import "time"

// Loaded tells when the keys of each issuer, by its name, were last fetched.
// Zero: nobody has asked for them yet, or they cannot be had.
func (v *Verifier) Loaded() map[string]time.Time {
	all := make(map[string]time.Time, len(v.issuers))
	for _, i := range v.issuers {
		all[i.Name] = time.Time{}
		if s := i.known.Load(); s != nil {
			all[i.Name] = s.loaded
		}
	}
	return all
}
