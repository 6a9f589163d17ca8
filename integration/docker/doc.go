// Package docker runs docker-compose.yaml, as it stands, in a Docker engine: its
// services, networks, volumes, secrets and health checks, in the order that it
// says. Only where the images come from is another: none is pulled. The product's
// is made by the Dockerfile, of what its build stage would build; the others hold
// the same programs from this machine. For Keycloak stand the quickstart's
// provider and an Envoy that speaks TLS before it.
//
// It imports nothing of ours. Its tests have the build tag docker:
//
//	make test-docker
package docker
