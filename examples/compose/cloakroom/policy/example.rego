# METADATA
# title: A rule of the operator's own
# description: Beside the built-in policy, which serves cloakroom.yaml. Nothing is written on the path /repos/acme/frozen.
package cloakroom.author

deny contains "this repository is frozen" if {
	input.attributes.request.http.method != "GET"
	startswith(concat("/", input.parsed_path), "api/repos/acme/frozen")
}
