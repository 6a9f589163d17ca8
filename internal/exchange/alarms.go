package exchange

import (
	"slices"
	"strconv"
)

// alarms are the credentials whose real values a caller itself sent: it should not
// know one. It is an alarm, not a refusal.
type alarms struct {
	tell  func(credential string)
	names []string
}

// alarm tells of a credential, once.
func (a *alarms) alarm(credential string) {
	if !slices.Contains(a.names, credential) {
		a.names = append(a.names, credential)
		a.tell(credential)
	}
}

// texts are what the log says.
func (a *alarms) texts() (all []string) {
	for _, name := range a.names {
		all = append(all, "the caller sent the real value of "+strconv.Quote(name))
	}
	return all
}
