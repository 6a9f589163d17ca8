package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

const canary = "s3cr3t-canary-Xq7vN2pL"

// prints shows v in every way that a log, an error or a page might.
func prints(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d", "%t", "%c", "%U", "%p", "%08.3f", "% x", "%w"} {
		fmt.Fprintf(&b, verb+"\n", v)
	}
	for _, encode := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal} {
		out, err := encode(v)
		b.Write(out)
		fmt.Fprintln(&b, err)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		slog.New(h).Info("message", "v", v)
	}
	fmt.Fprintln(&b, gob.NewEncoder(&b).Encode(v))
	fmt.Fprintln(&b, fmt.Errorf("wrapped: %v", v))
	return b.String()
}

func TestValueCannotPrintItself(t *testing.T) {
	v := New([]byte(canary))
	keys := Keys{grant: v}
	var decimal []string
	for _, c := range []byte(canary) {
		decimal = append(decimal, fmt.Sprint(c))
	}
	for name, x := range map[string]any{
		"value": v, "pointer": &v, "slice": []Value{v}, "map": map[string]Value{"a": v},
		"exported field": struct{ V Value }{v}, "hidden field": struct{ v Value }{v}, "hidden pointer": struct{ v *Value }{&v},
		"deep": struct {
			a map[string][]*struct{ v Value }
		}{map[string][]*struct{ v Value }{"x": {{v}}}},
		"former": former{"a", v}, "entry": entry{value: v}, "root": Root{v}, "keys": keys, "keys' pointer": &keys,
		"source": Source{Env: "X"}, "error": &Unavailable{"a", ErrWeak},
	} {
		got := prints(t, x)
		for _, form := range []string{
			canary, hex.EncodeToString([]byte(canary)), strings.ToUpper(hex.EncodeToString([]byte(canary))),
			base64.StdEncoding.EncodeToString([]byte(canary)), strings.Join(decimal, " "), strings.Join(decimal, ", "),
			canary[:8], fmt.Sprintf("% x", canary),
		} {
			if strings.Contains(got, form) {
				t.Errorf("%s prints %q:\n%s", name, form, got)
			}
		}
	}
	if got := fmt.Sprintf("%v %s %#v", v, v, v); got != "[value] [value] [value]" {
		t.Errorf("a value prints as %s", got)
	}
}

func TestValue(t *testing.T) {
	b := []byte(canary)
	v := New(b)
	b[0] = 'X'
	if string(v.Reveal()) != canary {
		t.Error("New keeps the caller's bytes")
	}
	if !v.Equal(New([]byte(canary))) || v.Equal(New([]byte(canary+"x"))) || v.Equal(Value{}) || !(Value{}).Equal(New(nil)) {
		t.Error("Equal is wrong")
	}
	if v.IsZero() || !(Value{}).IsZero() || !New(nil).IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestWeak(t *testing.T) {
	for _, s := range []string{
		"", "short", "123456789012345", "passwordpassword", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "12345678901234567890",
		"abcdefghijklmnopqrstuvwxyz", "0123456789abcdef", "abababababababababababab", "testtesttesttest", "changemechangeme",
	} {
		if !Weak([]byte(s)) {
			t.Errorf("%q is called strong, %.0f bits", s, Bits([]byte(s)))
		}
	}
	for _, s := range []string{
		"ghp_16C7e42F292c6912E7710c838347Ae178B4a", "sk-proj-Zk3vQ9xT1mB7", "9f86d081884c7d659a2feaa0c55ad015",
		"AKIAIOSFODNN7EXAMPLE", "Qm9vc3RlZC1rZXk=x7Pz", "v8Kq2LmZ0pXr7TyW", canary,
	} {
		if Weak([]byte(s)) {
			t.Errorf("%q is called weak, %.0f bits", s, Bits([]byte(s)))
		}
	}
}

func TestUnavailable(t *testing.T) {
	err := fmt.Errorf("x: %w", &Unavailable{"git", ErrEmpty})
	var u *Unavailable
	if !errors.As(err, &u) || u.Name != "git" || !errors.Is(err, ErrEmpty) {
		t.Errorf("%v", err)
	}
}
