#!/usr/bin/env bash
# Static checks. Every check prints one line; the script fails if any of them does.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%-14s %s\n' "$1" "$2"; }

out=$(gofmt -l $(git ls-files '*.go'))
[ -z "$out" ] || { say gofmt "would change: $out"; exit 1; }
say gofmt ok

go vet ./... && go vet -tags 'fault e2e' ./...
say vet ok

go mod verify >/dev/null && go mod tidy -diff >/dev/null || { say modules "go.mod or go.sum is not tidy: run go mod tidy"; exit 1; }
say modules ok

# Tools are pinned here and not in go.mod, so that the program's own dependency list stays what it ships.
go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
say staticcheck ok

go test -count=1 -run 'TestLayers|TestDependencies|TestPackageDocs' ./node
say layers ok

go test -count=1 -run TestBinarySize -v ./node -size >/dev/null
say size ok

# The database of known faults is on the network; without one, AIELON_VULNDB names a .tar.xz of it.
db=https://vuln.go.dev
if [ -f "${AIELON_VULNDB:-}" ]; then
  dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
  tar -xJf "$AIELON_VULNDB" -C "$dir"
  db=file://$(dirname "$(find "$dir" -type d -name index | head -n 1)")
fi
if [[ $db == file:* ]] || curl -fsI --max-time 10 "$db/index/db.json" >/dev/null 2>&1; then
  go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 -db "$db" ./...
  say govulncheck ok
else
  say govulncheck "skipped: $db cannot be reached (AIELON_VULNDB may name an archive of it)"
fi

promtool=${PROMTOOL:-promtool}
if command -v "$promtool" >/dev/null; then
  "$promtool" check rules configs/alerts.yml >/dev/null
  "$promtool" test rules configs/alerts_test.yml >/dev/null
  PROMTOOL=$promtool go test -count=1 -run 'TestMetrics|TestWatched' ./node >/dev/null
  say promtool ok
else
  say promtool "skipped: it is not there (Debian: package prometheus)"
fi

# How much of the system the unit leaves within reach of a node that was taken over; 0 is best, the goal is 1.5.
if command -v systemd-analyze >/dev/null; then
  out=$(systemd-analyze security --offline=true --threshold=15 --no-pager configs/aielon-edge.service 2>&1) || { say systemd "$(tail -n 1 <<<"$out")"; exit 1; }
  say systemd "ok,$(sed -n 's/.*aielon-edge.service:\( [0-9.]*\).*/\1/p' <<<"$out") of at most 1.5"
else
  say systemd "skipped: systemd-analyze is not there (Debian: package systemd)"
fi
