#!/usr/bin/env bash
# Runs aielon-edge side by side with its peers. Peers that are missing are installed where that is possible
# (Debian packages as root, nats-server as a Go module) and otherwise left out, with a line that says so.
# Arguments go to the bench program: scripts/bench/run.sh -only ingest -runs 1
set -euo pipefail
cd "$(dirname "$0")/../.."

nats=v2.15.2
peers=${BENCH_PEERS:-$PWD/bin/peers}
mkdir -p "$peers"

have() { command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || [ -x "$peers/$1" ]; }

missing=()
have mosquitto || missing+=(mosquitto)
have etcd || missing+=(etcd-server)
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # Only the programs are wanted: no service may start.
    dir=$(mktemp -d)
    (cd "$dir" && apt-get download -qq "${missing[@]}" && for d in *.deb; do dpkg-deb -x "$d" .; done) || true
    find "$dir" -type f \( -path '*bin/mosquitto' -o -path '*bin/etcd' \) -exec cp {} "$peers/" \;
    rm -rf "$dir"
  fi
  for m in "${missing[@]}"; do
    have "${m%-server}" || echo "skipped: $m is not installed (as root on Debian it would be fetched: apt-get install $m)"
  done
fi

have nats-server || GOBIN=$peers go install "github.com/nats-io/nats-server/v2@$nats" || echo "skipped: nats-server $nats cannot be installed (no Go module proxy?)"
(cd scripts/bench/peers && go build -o "$peers/bench-peers" .) || echo "skipped: the client libraries of NATS and etcd cannot be had; neither is measured"

for p in mosquitto etcd nats-server; do
  path=$(command -v "$p" || ls "/usr/sbin/$p" "$peers/$p" 2>/dev/null | head -n 1) || continue
  case $p in
    mosquitto) { "$path" -h || true; } | head -n 1 ;;
    etcd) "$path" --version | head -n 1 ;;
    *) "$path" --version ;;
  esac
done

[ -x bin/aielon-edge ] || make build
go build -o bin/bench ./scripts/bench
mkdir -p bin/scratch
exec bin/bench -bin bin/aielon-edge -peers "$peers" -dir bin/scratch "$@"
