# Targets that build, test and measure aielon-edge. `make help` lists them.
SHELL   := /bin/bash
BIN     := bin/aielon-edge
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
GOFLAGS_BUILD := -trimpath -buildvcs=false
TESTFLAGS ?=
export CGO_ENABLED ?= 0

.PHONY: help build run test check race fuzz fault bench e2e judges cross generate portal portal-test portal-e2e portal-judge clean peers siege ports bench-doors ledgers

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/aielon-edge, stripped and static
	go build $(GOFLAGS_BUILD) -ldflags '$(LDFLAGS)' -o $(BIN) ./node/cmd/aielon-edge

run: build ## a hub and a node side by side, with simulated devices that replay real sensor series
	$(BIN) quickstart --simulate

test: ## all unit, property and in-process tests (< 5 minutes on 2 cores)
	go test $(TESTFLAGS) -vet=off -ldflags '-s -w' -parallel 4 -timeout 600s ./... # make check vets; 80 links without symbols are quicker

check: ## formatting, vet, staticcheck, govulncheck, layers, module tidiness
	scripts/check.sh

race: ## the same tests under the race detector
	CGO_ENABLED=1 go test -race -timeout 1200s ./...

fuzz: ## every fuzz target for FUZZTIME (default 20s)
	scripts/fuzz.sh

fault: build ## kill -9, power cut, disk full, bit flips, bad links, leader faults (root for some; long)
	scripts/fault.sh

bench: build ## side by side with mosquitto, NATS and etcd
	scripts/bench/run.sh

bench-doors: build ## what a request costs at each door, beside huma, gqlgen and grpc-go
	scripts/bench/doors/run.sh

siege: build ## slow and flooding clients against the door, while another client measures (root)
	scripts/siege.sh

ports: build ## every port of a node, a hub and the quickstart against the table in the README (root)
	scripts/ports.sh

e2e: build ## the built program driven by scripts
	go test -count=1 -timeout 600s -tags e2e ./node/e2e/...

ledgers: ## 100,000 random transfers, checked by hledger, ledger and beancount (Debian packages)
	@mkdir -p bin/ledgers
	go test -count=1 -timeout 600s -run TestOutsideCheckers -v ./services/wallet/books -transfers 100000 -dir $(CURDIR)/bin/ledgers
	scripts/ledgers.sh bin/ledgers

judges: ## programs of others judge the doors (needs node and npm)
	scripts/judges/run.sh

cross: ## CGO_ENABLED=0 builds for amd64, arm64 and arm/v7
	GOOS=linux GOARCH=amd64 go build $(GOFLAGS_BUILD) -ldflags '$(LDFLAGS)' -o bin/aielon-edge-linux-amd64 ./node/cmd/aielon-edge
	GOOS=linux GOARCH=arm64 go build $(GOFLAGS_BUILD) -ldflags '$(LDFLAGS)' -o bin/aielon-edge-linux-arm64 ./node/cmd/aielon-edge
	GOOS=linux GOARCH=arm GOARM=7 go build $(GOFLAGS_BUILD) -ldflags '$(LDFLAGS)' -o bin/aielon-edge-linux-armv7 ./node/cmd/aielon-edge

generate: ## Go code and descriptors from the .proto files
	go run ./scripts/protogen

portal: ## the web app from its sources (Node 20.19 or newer); the same sources give the same bytes
	cd node/portal/web && npm ci && npm run build

portal-test: portal ## the web app's tests, in Node and in Chromium
	cd node/portal/web && npm test && npm run test:browser

portal-e2e: build portal ## the web app in Chromium against the program itself: a hub and a node on this machine
	cd node/portal/web && npx vitest run --config vitest.real.config.ts

portal-judge: build portal ## Lighthouse judges every page of the portal, against the program itself
	cd node/portal/web/test/lighthouse && npm ci --ignore-scripts --no-audit --no-fund --silent && node run.mjs

clean: ## remove what the targets built
	rm -rf bin
