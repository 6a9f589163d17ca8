// Package secret holds values: the bytes that placeholders stand for. A Value
// cannot print itself, a Source says where one is read from, and a Vault keeps
// the current ones, follows changed files, and remembers for a while what a
// file held before, so that it is still masked. Root is the instance's root
// key, from which every other key derives.
//
// It promises that no value appears in an error, nor in anything that formats,
// logs or encodes a Value, and that a source that fails yields an error and not
// the value of yesterday.
//
// It deliberately knows nothing of credentials' rules, and never decides
// whether a value may be used.
package secret
