#!/usr/bin/env bash
# Fault runs against the built program: kill -9, power cuts, full disks, flipped bits, bad lines and, for a
# site of three nodes, faults of the leader. Each prints its seed and one row of a table; the script fails
# if any of them does. Root is needed for those that mount file systems; without, they say that they skip.
#
#   scripts/fault.sh                        everything, about two hours
#   scripts/fault.sh 'TestSingleKill$'      one of them
#   FAULT_PERCENT=5 scripts/fault.sh        a twentieth of the rounds
#   FAULT_SEED=...                          the same dice again
#   FAULT_KEEP=DIR                          keep what the processes of a failed run said
set -uo pipefail
cd "$(dirname "$0")/.."

[ -x bin/aielon-edge ] || { echo "build the program first: make build" >&2; exit 1; }
export AIELON_EDGE=$PWD/bin/aielon-edge
export AIELON_FAULT=1

# Everything lies below one directory, so that whatever stays mounted after a run was broken off is found.
scratch=$(mktemp -d "${TMPDIR:-/tmp}/aielon-fault.XXXXXX")
export TMPDIR=$scratch
clean() {
  grep -F " $scratch/" /proc/mounts | cut -d' ' -f2 | sort -r | while read -r m; do umount "$m" || umount -l "$m"; done
  losetup -l -n -O NAME,BACK-FILE 2>/dev/null | grep -F " $scratch/" | while read -r dev _; do losetup -d "$dev"; done
  rm -rf "$scratch"
}
trap clean EXIT
trap 'exit 130' INT TERM

failed=0
run() { # package, name of the tests, longest time
  echo "== $2"
  go test -v -count=1 -tags fault -timeout "$3" -run "$2" "$1" | grep -v '^=== ' || { failed=1; echo "FAILED: $2"; }
}

if [ $# -gt 0 ]; then
  run ./node/e2e "$1" 4h
else
  run ./node/e2e '^TestSingle' 1h
  run ./node/e2e '^TestDisk' 1h
  run ./node/e2e '^TestFlip' 1h
  run ./node/e2e '^TestSync' 1h
  run ./node/nodetest/syncpair '^TestUrgentLane$' 20m
  run ./node/e2e 'Site' 1h
fi
exit $failed
