package identity

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"cloakroom/internal/access"
)

const iss = "https://issuer.example/realm"

// scanner trusts iss, which is never asked for anything.
func scanner(t testing.TB) *Verifier {
	return newVerifier(t, Options{}, Issuer{URL: iss, Audiences: []string{"a"}})
}

// fake is a token of the issuer with a signature that nobody made: scanning
// does not verify.
func fake(payload string) string {
	e := base64.RawURLEncoding.EncodeToString
	return e([]byte(`{"alg":"RS256","kid":"1"}`)) + "." + e([]byte(payload)) + "." + e([]byte("signature-signature"))
}

func escapeAll(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02x", s[i])
	}
	return b.String()
}

func TestTokensAstray(t *testing.T) {
	v := scanner(t)
	tok := fake(`{"iss":"` + iss + `","sub":"s"}`)
	b64, url64 := base64.StdEncoding.EncodeToString, base64.RawURLEncoding.EncodeToString
	for _, tt := range []struct {
		name, header, value, path, place string
	}{
		{"another header", "x-api-key", tok, "/", `header "x-api-key"`},
		{"another scheme", "x-auth", "Token token=\"" + tok + "\"", "/", `header "x-auth"`},
		{"inside JSON", "x-meta", `{"token":"` + tok + `"}`, "/", `header "x-meta"`},
		{"after letters", "x-meta", "tokeneyJ" + tok, "/", `header "x-meta"`},
		{"after a foreign token", "x-meta", fake(`{"iss":"https://x.example"}`) + "." + tok, "/", `header "x-meta"`},
		{"second of two", "x-meta", fake(`{"iss":"https://x.example"}`) + " " + tok, "/", `header "x-meta"`},
		{"before letters", "x-meta", tok + "garbage.more.parts", "/", `header "x-meta"`},
		{"cookie", "cookie", "a=b; session=" + tok + "; c=d", "/", `cookie "session"`},
		{"cookie, quoted", "cookie", `session="` + tok + `"`, "/", `cookie "session"`},
		{"cookie, escaped", "cookie", `session=` + escapeAll(tok), "/", `cookie "session"`},
		{"cookie without a name", "cookie", tok, "/", `header "cookie"`},
		{"cookie named by it", "cookie", tok + "=1", "/", "the cookie"},
		{"referer", "referer", "https://x.example/?t=" + tok, "/", `header "referer"`},
		{"basic", "x-auth", "basic " + b64([]byte("u:"+tok)), "/", `header "x-auth"`},
		{"basic, user", "authorization", "Basic " + b64([]byte(tok+":")), "/", `header "authorization"`},
		{"basic, no padding", "authorization", "Basic " + strings.TrimRight(b64([]byte("user:"+tok)), "="), "/", `header "authorization"`},
		{"basic, escaped", "authorization", "Basic " + b64([]byte("u:"+escapeAll(tok))), "/", `header "authorization"`},
		{"encoded as a whole", "sec-websocket-protocol", "base64url.bearer.authorization.k8s.io." + url64([]byte(tok)), "/", `header "sec-websocket-protocol"`},
		{"encoded, after a decoy", "x-meta", "ZXlKZXlKZ" + b64([]byte(tok)), "/", `header "x-meta"`},
		{"query", "", "", "/a?access_token=" + tok, `query parameter "access_token"`},
		{"query, second", "", "", "/a?b=c&t=" + tok + "&d=e", `query parameter "t"`},
		{"query, escaped", "", "", "/a?t=" + url.QueryEscape(strings.ReplaceAll(tok, ".", "%2E")), `query parameter "t"`},
		{"query, escaped twice", "", "", "/a?t=" + escapeAll(escapeAll(tok)), `query parameter "t"`},
		{"query, after a broken escape", "", "", "/a?t=%" + escapeAll(tok), `query parameter "t"`},
		{"query named by it", "", "", "/a?" + tok + "=1", "the path"},
		{"query named by a ticket", "", "", "/a?ckr_x_abc=" + tok, "the query parameter"},
		{"query without a name", "", "", "/a?" + tok, "the path"},
		{"path", "", "", "/a/" + tok + "/b", "the path"},
		{"path, escaped", "", "", "/a/" + escapeAll(tok), "the path"},
		{"path, one character escaped", "", "", "/a/" + strings.Replace(tok, ".", "%2e", 1), "the path"},
		{"fragment", "", "", "/a#t=" + tok, "the path"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var headers []access.Header
			if tt.header != "" {
				headers = []access.Header{{Name: tt.header, Value: tt.value}}
			}
			got := reason(v, headers, max(tt.path, "/"))
			if !strings.HasPrefix(got, tt.place+": ") || !strings.Contains(got, ownHeader) {
				t.Errorf("refused for %q, want %s", got, tt.place)
			}
			if strings.Contains(got, "eyJ") || strings.Contains(got, "ckr_") {
				t.Errorf("%q holds what it refuses", got)
			}
		})
	}
}

// TestUnverifiedIssuer pins what counts as a trusted issuer's token before its
// signature is looked at.
func TestUnverifiedIssuer(t *testing.T) {
	v := scanner(t)
	const foreignOne = "https://x.example"
	for _, tt := range []struct {
		name, payload string
		want          verdict
	}{
		{"ours", `{"iss":"` + iss + `"}`, trusted},
		{"ours, last", `{"a":[{"iss":"x"},2],"iss":"` + iss + `"}`, trusted},
		{"ours, with spaces", " {\n\"iss\" : \"" + iss + "\" } ", trusted},
		{"ours, escaped", `{"\u0069ss":"https:\/\/issuer.example\/realm"}`, trusted},
		{"ours twice", `{"iss":"` + iss + `","iss":"` + iss + `"}`, trusted},
		{"ours, then another", `{"iss":"` + iss + `","iss":"` + foreignOne + `"}`, doubtful},
		{"another, then ours", `{"iss":"` + foreignOne + `","iss":"` + iss + `"}`, doubtful},
		{"another, ours in capitals", `{"iss":"` + foreignOne + `","ISS":"` + iss + `"}`, doubtful},
		{"ours with a long s", `{"iſs":"` + iss + `"}`, trusted},
		{"ours and a slash", `{"iss":"` + iss + `/"}`, doubtful},
		{"ours in capitals", `{"iss":"` + strings.ToUpper(iss) + `"}`, doubtful},
		{"a list", `{"iss":["` + iss + `"]}`, doubtful},
		{"null", `{"iss":null}`, doubtful},
		{"cut", `{"iss":"` + iss, doubtful},
		{"followed by more", `{"iss":"` + foreignOne + `"}{"iss":"` + iss + `"}`, doubtful},
		{"too deep", `{"a":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `,"iss":"` + iss + `"}`, doubtful},
		{"another", `{"iss":"` + foreignOne + `"}`, foreign},
		{"another that begins like ours", `{"iss":"` + iss + `2"}`, foreign},
		{"none", `{"sub":"` + iss + `"}`, foreign},
		{"inner", `{"a":{"iss":"` + iss + `"}}`, foreign},
		{"empty", `{}`, foreign},
		{"a list of all", `[{"iss":"` + iss + `"}]`, foreign},
		{"a signed cookie's time", "\x65\x4a\x01\x02", foreign},
		{"nothing", "", foreign},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, e := range []*base64.Encoding{base64.RawURLEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.StdEncoding} {
				if _, got := v.judge(e.EncodeToString([]byte(tt.payload))); got != tt.want {
					t.Errorf("verdict %d, want %d", got, tt.want)
				}
			}
		})
	}
}

// TestOrdinaryTexts pins that what merely looks alike passes.
func TestOrdinaryTexts(t *testing.T) {
	v := scanner(t)
	for name, text := range map[string]string{
		"foreign token":     fake(`{"iss":"https://x.example"}`),
		"signed cookie":     "eyJ1c2VyIjoxfQ.YkX3wA.c2lnbmF0dXJlLXNpZ25hdHVyZQ",
		"encrypted token":   "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXZpdml2aXY.Y2lwaGVydGV4dA.dGFn",
		"placeholder":       "Bearer ckr_github-read_0123456789abcdefghjkmnpqrs",
		"a host":            "https://a.eyewear.example/e.g.eyes",
		"base64":            "ZXlKaGJHY2lPaUp",
		"escapes":           "%%%2%zz%",
		"basic of a key":    "Basic " + base64.StdEncoding.EncodeToString([]byte("user:key")),
		"versioned payload": "v1.eyJ1c2VyIjoxLCJyb2xlIjoiYWRtaW4ifQ.c2ln",
	} {
		t.Run(name, func(t *testing.T) {
			headers := []access.Header{{Name: "x-meta", Value: text}, {Name: "cookie", Value: "a=" + text}, {Name: "authorization", Value: text}}
			if got := reason(v, headers, "/?a="+url.QueryEscape(text)); got != ErrNoToken.Reason {
				t.Errorf("refused for %q", got)
			}
		})
	}
}

// ordinary are the headers of a usual request, without tokens.
var ordinary = []access.Header{
	{Name: "host", Value: "api.example.com"},
	{Name: "user-agent", Value: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"},
	{Name: "accept", Value: "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"},
	{Name: "accept-encoding", Value: "gzip, deflate, br"},
	{Name: "authorization", Value: "Bearer ckr_github-read_0123456789abcdefghjkmnpqrs"},
	{Name: "content-type", Value: "application/json"},
	{Name: "cookie", Value: "theme=dark; _ga=GA1.2.1234567890.1234567890; consent=everything"},
	{Name: "x-request-id", Value: "8f14e45f-ceea-467f-ab4e-000000000000"},
	{Name: "referer", Value: "https://www.example.com/some/where.html"},
}

func TestScanAllocatesNothing(t *testing.T) {
	v := scanner(t)
	if n := testing.AllocsPerRun(100, func() { v.Identify(t.Context(), ordinary, "/repos/a/b?page=2") }); n != 0 {
		t.Errorf("%.0f allocations without a token", n)
	}
}

// TestScanStaysLinear pins that texts built against the scanner are read in a
// time that grows with their length: a quadratic scan of these 4 MiB outlives
// the test binary's timeout.
func TestScanStaysLinear(t *testing.T) {
	v := scanner(t)
	for name, piece := range map[string]string{
		"headers": "eyJ", "payloads": ".eyJhIjoiYWFhYWFhYWFhYWFhYWFhIn0", "wrapped": "ZXlK", "escapes": "%25", "escaped escapes": "%2525", "dots": ".e",
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Repeat(piece, 4<<20/len(piece))
			if v.holds(text, scanDepth) {
				t.Error("found a token where none is")
			}
		})
	}
}

// FuzzHolds plants a token in any text, in several encodings, and wants it
// found; and any text alone must not crash.
func FuzzHolds(f *testing.F) {
	for _, s := range []struct {
		before, after string
		how           uint8
	}{
		{"", "", 0}, {"Bearer ", "", 0}, {"a=", "&b=c", 1}, {"%", "%", 1}, {"%2", "5", 2}, {"user:", "", 3},
		{"eyJ", ".x.y", 0}, {"ZXlK", "=", 4}, {".eyJ", "", 4}, {"Basic ", "", 0}, {"x.eyJhIjoxfQ.", ".", 1},
	} {
		f.Add(s.before, s.after, s.how)
	}
	v := scanner(f)
	tok := fake(`{"sub":"someone","iss":"` + iss + `"}`)
	f.Fuzz(func(t *testing.T, before, after string, how uint8) {
		v.holds(before+after, scanDepth)
		text := before + tok + after
		switch how % 5 {
		case 1:
			text = before + escapeAll(tok) + after
		case 2:
			text = before + escapeAll(escapeAll(tok)) + after
		case 3:
			text = "Basic " + base64.StdEncoding.EncodeToString([]byte(text))
		case 4:
			// A base64 text that something precedes in base64 has no start.
			text = before + " " + base64.StdEncoding.EncodeToString([]byte(tok)) + " " + after
		}
		if !v.holds(text, scanDepth) {
			t.Errorf("not found in %q", text)
		}
	})
}

func BenchmarkIdentify(b *testing.B) {
	p := startProvider(b)
	v := newVerifier(b, Options{}, p.issuer())
	withToken := append([]access.Header{{Name: ownHeader, Value: p.token(b, "agent")}}, ordinary...)
	b.Run("cached", func(b *testing.B) {
		for b.Loop() {
			if _, err := v.Identify(b.Context(), withToken, "/repos/a/b?page=2"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cached, token alone", func(b *testing.B) {
		for b.Loop() {
			if _, err := v.Identify(b.Context(), withToken[:1], "/repos/a/b?page=2"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("no token", func(b *testing.B) {
		for b.Loop() {
			v.Identify(b.Context(), ordinary, "/repos/a/b?page=2")
		}
	})
	b.Run("verified", func(b *testing.B) {
		for b.Loop() {
			v.cache = newCache(cacheSize)
			if _, err := v.Identify(b.Context(), withToken, "/"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
