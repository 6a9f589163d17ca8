// Package integration tests Cloakroom as a stranger meets it: the built
// binaries, a real Envoy, a real OIDC provider, real upstreams and clients, on
// random ports of loopback. It imports nothing of the project's own.
//
// world_test.go starts a world (provider, upstreams, `cloakroom up`) for one
// test and keeps every process's output, which is shown when the test fails.
// fleet_test.go does so for three replicas on one PostgreSQL, and storm_test.go
// lets all of them fail at once.
// Everything that a run leaves lies under one folder, which the canary hunt
// searches when all tests are over.
package integration
