#!/usr/bin/env bash
# Lets programs of others judge the doors of a gateway that runs in a test: npm graphql-http, graphql-js and
# graphql-ws, in the versions of package-lock.json. Needs node >= 20, npm and the npm registry.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${JUDGES_DIR:-$here/../../../bin/judges}
mkdir -p "$out"
cp "$here"/package.json "$here"/package-lock.json "$here"/*.mjs "$out"/
(cd "$out" && npm ci --no-audit --no-fund --ignore-scripts --silent)
cd "$here/../../.."
JUDGES_DIR=$(cd "$out" && pwd) go test -count=1 -timeout 300s -tags judges -run '^TestJudges$' -v ./node/gateway
