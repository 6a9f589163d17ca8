// Package config reads the configuration file: one YAML document, strictly.
// Load resolves defaults, groups, relative paths and locations, so that who
// takes a Config never looks back at the file.
//
// It promises to tell every mistake of a file at once, each with its line and
// column and what would work instead, and never to show a value: sources are
// read only to judge them, and a Config holds where values are, not what they
// are.
//
// It deliberately starts nothing, writes no file, talks to no network, and does
// not read policies.
package config
