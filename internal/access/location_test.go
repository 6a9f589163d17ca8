package access

import (
	"strings"
	"testing"
)

func TestParseLocation(t *testing.T) {
	for _, text := range []string{"header", "header:x-key", "cookie:s", "query:k", "path", "body:/k", "body:/a/0/b~0c~1d", "body:/", "form:a b", "message:/k"} {
		l, err := ParseLocation(text)
		if err != nil || l.String() != text || !l.Covers(l) && l.Kind != InCredentials {
			t.Errorf("%s: got %v, %v", text, l, err)
		}
		if l.InFields() != (strings.HasPrefix(text, "body:") || strings.HasPrefix(text, "form:")) {
			t.Errorf("%s: a field: %v", text, l.InFields())
		}
	}
	for text, want := range map[string]string{
		"": "want header", "body": "want header", "body:": "want header", "form:": "want header", "message:": "want header",
		"body:k": "JSON pointer", "message:k": "JSON pointer", "body:/a~b": `"~0"`, "body:/a~": `"~0"`, "body:/a~2b": `"~0"`,
		"body:/a/*": "wildcards", "body:/a/-": "wildcards", "header:host": "cannot stand",
	} {
		if l, err := ParseLocation(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v, want %q", text, l, err, want)
		}
	}
}
