#!/usr/bin/env bash
# Has outside programs judge the doors: the OpenAPI documents must pass both linters without an error or a warning.
# graphql/run.sh and grpc/run.sh let programs for GraphQL and gRPC judge a gateway that runs, webhooks/run.sh lets a
# receiver verify what the program sends.
# Needs node and npm; the judges are pinned in package.json and installed beside it, with no scripts of theirs run.
set -euo pipefail
cd "$(dirname "$0")"
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
npm ci --ignore-scripts --no-audit --no-fund --silent
for doc in ../../node/gateway/openapi/testdata/{openapi,sample}.json; do # the second has what no schema of a service has yet
  npx --no-install spectral lint "$doc" --ruleset spectral.yaml --fail-severity hint
  out=$(npx --no-install redocly lint "$doc" --format json 2>/dev/null) || true # what it found is looked at below
  node -e '
    const found = JSON.parse(process.argv[1]).problems ?? [];
    for (const p of found) console.error(`${p.severity}: ${p.ruleId}: ${p.message} at ${p.location?.[0]?.pointer ?? ""}`);
    console.log(`redocly: ${found.length} problems`);
    process.exit(found.length ? 1 : 0);
  ' "$out"
done
graphql/run.sh
grpc/run.sh
webhooks/run.sh
