package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"strings"

	"cloakroom/internal/replace"
)

func secrets(values [][]byte) []replace.Secret {
	all := make([]replace.Secret, len(values))
	for i, v := range values {
		all[i] = replace.Secret{Name: fmt.Sprint("c", i), Value: v}
	}
	return all
}

// forms returns the forms of all values that can be listed, each once: eight or
// so of a value. Vectorscan finds no others, and package replace does.
func forms(values [][]byte) [][]byte {
	var all [][]byte
	known := map[string]bool{}
	for _, v := range values {
		for _, f := range formsOf(string(v)) {
			if !known[f] {
				known[f] = true
				all = append(all, []byte(f))
			}
		}
	}
	return all
}

func formsOf(v string) []string {
	quoted, err := json.Marshal(v)
	if err != nil {
		panic(err) // a string always encodes
	}
	lower := hex.EncodeToString([]byte(v))
	all := []string{v, lower, strings.ToUpper(lower), string(quoted[1 : len(quoted)-1]), url.QueryEscape(v), html.EscapeString(v)}
	for before := range 3 {
		first, end := (8*before+5)/6, 8*(before+len(v))/6 // the characters that v alone determines
		text := append([]byte("\x00\x00")[:before], v...)
		all = append(all, base64.StdEncoding.EncodeToString(text)[first:end], base64.URLEncoding.EncodeToString(text)[first:end])
	}
	return all
}

// join puts the texts behind each other, each without its last bytes and with a
// blank, which stands in no pattern, behind it.
func join(texts [][]byte, without int) []byte {
	var b bytes.Buffer
	for _, p := range texts {
		b.Write(p[:len(p)-without])
		b.WriteByte(' ')
	}
	return b.Bytes()
}

// worstTexts returns texts of n bytes that look like matches almost to their
// end: made of the patterns less their last byte, and of the values less theirs
// in which every third character is a \u escape.
func worstTexts(patterns, values [][]byte, n int) []*text {
	mixed := make([][]byte, len(patterns))
	for to, from := range rand.New(rand.NewPCG(7, 1)).Perm(len(patterns)) {
		mixed[to] = patterns[from]
	}
	escaped := make([][]byte, len(values))
	for i, v := range values {
		escaped[i] = escapeThirds(v[:len(v)-1])
	}
	repeat := func(b []byte) []byte { return bytes.Repeat(b, n/len(b)+1)[:n] }
	return []*text{
		{name: "forms less their last byte", bytes: repeat(join(mixed, 1)), chunk: bigChunk, rated: true},
		{name: "the same of values, a third as `\\u` escapes", bytes: repeat(join(escaped, 0)), chunk: bigChunk},
	}
}

func escapeThirds(v []byte) []byte {
	var b bytes.Buffer
	for i, c := range v {
		if i%3 == 1 || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\u%04x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.Bytes()
}
