package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/record"
)

func TestReadListing(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }
	for name, tt := range map[string]struct {
		list sessionList
		want string // what is wrong; empty: nothing
	}{
		"nothing":         {sessionList{}, ""},
		"a principal":     {sessionList{SessionFilter: record.SessionFilter{Principal: "https://a#b"}}, ""},
		"a subject":       {sessionList{SessionFilter: record.SessionFilter{Principal: "b"}}, "want ISSUER#SUBJECT"},
		"a URL":           {sessionList{SessionFilter: record.SessionFilter{Host: "https://api.test"}}, "a host alone"},
		"less than none":  {sessionList{SessionFilter: record.SessionFilter{Limit: -1}}, "want 0 or more"},
		"times":           {sessionList{SessionFilter: record.SessionFilter{Since: day(1), Until: day(2)}}, ""},
		"times backwards": {sessionList{SessionFilter: record.SessionFilter{Since: day(2), Until: day(1)}}, "no session fits"},
		"no outcome":      {sessionList{outcome: "denied"}, "want allow"},
	} {
		_, err := tt.list.read()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f, err := (&sessionList{SessionFilter: record.SessionFilter{Host: "API.test"}}).read()
	if err != nil || f.Host != "api.test" || f.Limit != math.MaxInt32 {
		t.Errorf("got %+v, %v", f, err)
	}
}

func TestAListSaysWhatItLacks(t *testing.T) {
	for n, want := range map[int]string{0: "no session fits", 1: "", 2: "there may be more"} {
		var b strings.Builder
		(&sessionList{SessionFilter: record.SessionFilter{Limit: 2}}).tell(&b, n)
		if (b.Len() == 0) != (want == "") || !strings.Contains(b.String(), want) {
			t.Errorf("%d: %q", n, b.String())
		}
	}
}
