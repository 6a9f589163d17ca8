package replace

import (
	"fmt"
	"html"
	"strings"
	"testing"
	"time"
)

// TestValuesThatHoldWhatBeginsEscapes: an escape may begin with the very character
// that it stands for, anywhere in a value, whatever windows are in the index.
func TestValuesThatHoldWhatBeginsEscapes(t *testing.T) {
	filler := "correct-horse-battery-staple-7Hq2ZxW9mT4bLr8KpYc3VnDf6GsJa1Eu5oIt"
	for _, tt := range []struct{ c, escaped string }{{"&", "&amp;"}, {"&", "&#38;"}, {"%", "%25"}, {"=", "=3D"}, {`\`, `\\`}} {
		for at := range len(filler) {
			for range 8 {
				v := filler[:at] + tt.c + filler[at:]
				s := compile(t, Secret{"x", []byte(v)})
				text := filler[:at] + tt.escaped + filler[at:]
				if got := s.Mask("<"+text+">", nil).String(); strings.Replace(got, `\`, "", 1) != "<[masked]>" {
					t.Fatalf("%q at %d as %q: %q", tt.c, at, tt.escaped, got)
				}
			}
		}
	}
	for _, v := range []string{"?:[@}+:?/+)0['\"=#?Z\\aa?&$(+#9,;a,?[|\"<9^0''^'/]`*<^<]@*", "Zk3vQ9/1LmT7rW2a+k3vQ9x1LmT7rW2aZk3vQ9x1LmT7rW2aZk3vQ9x1LmT7rW2aAw=="} {
		text := ""
		for i := range v {
			text += fmt.Sprintf(`\u%04x`, v[i])
		}
		for range 50 {
			s := compile(t, Secret{"x", []byte(v)})
			for _, in := range []string{text, html.EscapeString(v), strings.ReplaceAll(v, "=", "=3D")} {
				if got := s.Mask("z, "+in+" ,z", nil).String(); strings.Contains(in, "=3D") && strings.Contains(v, "='") {
					continue
				} else if got != "z, [masked] ,z" {
					t.Fatalf("%q: %q", in, got)
				}
			}
		}
	}
}

// TestManyNearValues: what is near many values costs time by its length, not by
// more.
func TestManyNearValues(t *testing.T) {
	var secrets []Secret
	for i := range 300 {
		secrets = append(secrets, Secret{fmt.Sprint(i), fmt.Appendf(nil, "acme-prod-service-%016d", i*7919)})
	}
	set := compile(t, secrets...)
	least := map[int]time.Duration{25: time.Hour, 400: time.Hour}
	for range 100 { // a machine that has other work to do slows some of them down, not all
		for times := range least {
			begun := time.Now()
			set.Mask(strings.Repeat("acme-prod-service-%61 ", times), nil)
			least[times] = min(least[times], time.Since(begun))
		}
		if least[400] < 64*least[25] {
			return
		}
	}
	t.Errorf("sixteen times as much took %v, and once %v", least[400], least[25])
}
