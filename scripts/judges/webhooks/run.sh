#!/usr/bin/env bash
# Lets npm standardwebhooks, in the version of package-lock.json, verify what the program itself sends to a webhook.
# Needs node >= 20, npm and the npm registry.
set -euo pipefail
cd "$(dirname "$0")"
npm ci --ignore-scripts --no-audit --no-fund --silent
root=$(cd ../../.. && pwd)
program=${AIELON_EDGE:-$root/bin/judges/aielon-edge}
if [ -z "${AIELON_EDGE:-}" ]; then
  (cd "$root" && CGO_ENABLED=0 go build -o "$program" ./node/cmd/aielon-edge)
fi
AIELON_EDGE=$program node webhooks.mjs
