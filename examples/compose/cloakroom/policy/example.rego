# METADATA
# title: A rule of the operator's own
# description: Beside the built-in policy, which serves cloakroom.yaml.
package cloakroom.author

deny contains "the repository vault is closed to agents" if "vault" in input.parsed_path
