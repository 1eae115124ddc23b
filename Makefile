# Ringback. `make help` says what there is.
#
# demo and test set up what they need by themselves: a C compiler for the race
# detector, and an Asterisk 22 in a folder of its own (.lab; see deploy/lab).

GO       ?= go

# The race detector watches all code but SQLite's, which was translated from C
# and is five times slower under it, and the hash of passwords (argon2), which is
# made to be slow. (deploy/lab/node builds the binary so too.)
# Only the translated C: modernc.org/sqlite itself uses sync.Map, whose generic
# insides are compiled with whoever uses them. The linker takes one copy for all,
# and if that is not watched, the detector sees races in every other sync.Map.
RACE     := -race -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc=-race=false -gcflags=golang.org/x/crypto/argon2=-race=false
# Linked without a debugger's tables, which take a third of the linking.
TESTARGS ?= -shuffle=on -count=1 -timeout=20m -ldflags=-w
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
TOOLS    := $(CURDIR)/.tools
LINT     := $(TOOLS)/golangci-lint
LINT_VERSION := v2.15.0

.DEFAULT_GOAL := help

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## bin/ringback and bin/farend, static
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

.PHONY: setup
setup: ## install what tests and demo need (idempotent; needs root)
	@deploy/lab/tools.sh
	@deploy/lab/install.sh

.PHONY: demo
demo: build setup ## ring a simulated campaign through a real Asterisk and watch the callbacks come
	bin/ringback demo

# What reckons for long, and what measures memory.
LONG := ./dialler ./dialler/report ./dialler/sim

.PHONY: test
test: setup ## every test: real Asterisk, real SIP, race detector, nothing skipped
	RINGBACK_TEST_REQUIRE=1 $(GO) test $(TESTARGS) $(LONG) # these run in full here, and in part under the race detector, below
	RINGBACK_TEST_REQUIRE=1 $(GO) test $(TESTARGS) $(RACE) -parallel=4 ./deploy/lab/e2e ./... # what takes longest begins first

.PHONY: quick
quick: ## the tests that need nothing but Go
	$(GO) test ./...

.PHONY: sim
sim: SEEDS ?= 10000
sim: ## ten thousand simulated campaigns, audited (SEEDS=n for others)
	$(GO) test ./dialler/sim -run 'TestSeeds$$' -seeds $(SEEDS) -timeout 60m

.PHONY: torture
torture: MINUTES ?= 20
torture: SEED ?= 0
torture: setup ## everything goes wrong for twenty minutes, then an audit (MINUTES=n, SEED=n to replay)
	RINGBACK_TEST_REQUIRE=1 $(GO) test ./deploy/lab/torture -run 'TestTorture$$' -v -count=1 -timeout 24h -minutes $(MINUTES) -seed $(SEED)

.PHONY: bench
bench: BENCHARGS ?= -short
bench: setup ## measurements beside their rivals, in minutes (BENCHARGS= for a million contacts, in tens of minutes)
	cd callback/bench && $(GO) run .
	cd dialler/store/bench && $(GO) run . $(if $(filter -short,$(BENCHARGS)),,-full)
	$(GO) test -run '^$$' -bench . -benchmem -timeout 60m $(BENCHARGS) ./...

.PHONY: lint
lint: $(LINT) ## golangci-lint, pinned
	$(LINT) run ./...

$(LINT):
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

.PHONY: clean
clean: ## remove what was built; the lab's Asterisk stays (make clean-lab)
	rm -rf bin

.PHONY: clean-lab
clean-lab: ## remove the lab's Asterisk
	rm -rf .lab
