#!/usr/bin/env bash
# Measures what a request costs at each door, beside huma, gqlgen and grpc-go. Arguments go to the program.
set -euo pipefail
cd "$(dirname "$0")"
(cd gql && go run github.com/99designs/gqlgen generate)
go build -o ../../../bin/bench-doors .
cd ../../..
exec bin/bench-doors "$@"
