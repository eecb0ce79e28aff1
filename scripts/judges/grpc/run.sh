#!/usr/bin/env bash
# Lets grpcurl judge the gRPC door of a gateway that runs in a test: by reflection alone it lists all services,
# describes all methods and calls some. Needs the Go module proxy, once; the version is pinned here.
set -euo pipefail
cd "$(dirname "$0")/../../.."
out=$PWD/bin/judges
GOBIN=$out go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4
GRPCURL=$out/grpcurl go test -count=1 -timeout 300s -tags judges -run '^TestGrpcurl$' -v ./node/gateway
