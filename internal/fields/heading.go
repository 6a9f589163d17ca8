package fields

import "strings"

// partName is the name of a part's field, if every reader would give it that
// name and take its text for the field's: empty for a file, for a text in
// another charset or transfer encoding, and for a name with escapes. Headers
// that readers would take apart in several ways are not ok.
func partName(heading string) (name string, ok bool) {
	seen := map[string]string{}
	for line := range strings.SplitSeq(heading, "\r\n") {
		header, text, found := strings.Cut(line, ":")
		header = strings.ToLower(header)
		if !found || !isToken(header) || strings.ContainsFunc(text, isControl) {
			return "", false
		}
		if _, twice := seen[header]; twice {
			return "", false
		}
		seen[header] = strings.Trim(text, " \t")
	}
	disposition, ok := seen["content-disposition"]
	if !ok {
		return "", false
	}
	if _, encoded := seen["content-transfer-encoding"]; encoded || !plainText(seen["content-type"]) {
		return "", true
	}
	return fieldName(disposition), true
}

func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
	})
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// plainText tells whether a part's content type is one of text that stands as
// it is.
func plainText(contentType string) bool {
	contentType = strings.ToLower(strings.ReplaceAll(contentType, " ", ""))
	contentType = strings.ReplaceAll(contentType, `"`, "")
	switch contentType {
	case "", "text/plain", "text/plain;charset=utf-8", "text/plain;charset=us-ascii":
		return true
	}
	return false
}

// fieldName is the name in a disposition that has a name and nothing else.
func fieldName(disposition string) string {
	kind, parameter, _ := strings.Cut(disposition, ";")
	if !strings.EqualFold(strings.Trim(kind, " \t"), "form-data") {
		return ""
	}
	key, name, _ := strings.Cut(strings.Trim(parameter, " \t"), "=")
	if !strings.EqualFold(key, "name") {
		return ""
	}
	if len(name) >= 2 && name[0] == '"' && name[len(name)-1] == '"' {
		name = name[1 : len(name)-1]
	} else if strings.ContainsAny(name, " \t") {
		return ""
	}
	if strings.ContainsAny(name, `"\;=%`) {
		return ""
	}
	return name
}
