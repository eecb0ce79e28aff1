#!/usr/bin/env bash
# Attacks the door of a node from another address while a well-behaved client goes on asking, and fails where 99 of
# 100 of its requests take longer than a second, or one fails: slow heads, slow bodies and slow readers
# (slowhttptest), floods (h2load) and rapid resets. Each has a network namespace of its own. Needs root, ip,
# slowhttptest and h2load.
set -euo pipefail
cd "$(dirname "$0")/.."
for t in ip slowhttptest h2load; do
	command -v $t >/dev/null || { echo "siege: $t is missing; Debian has it in iproute2, slowhttptest and nghttp2-client"; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "siege: network namespaces need root"; exit 2; }
SECONDS_EACH=${SECONDS_EACH:-20}
dir=$(mktemp -d); tag=siege$$
go build -o "$dir/siege" ./scripts/siege

cleanup() {
	kill $(jobs -p) 2>/dev/null || true
	wait 2>/dev/null || true
	for h in node evil friend; do ip netns del $tag-$h 2>/dev/null || true; done
	rm -rf "$dir"
}
trap cleanup EXIT

# Three hosts on one bridge, which lies in the node's namespace.
ip netns add $tag-node
ip -n $tag-node link set lo up
ip -n $tag-node link add br0 type bridge
ip -n $tag-node addr add 10.77.0.1/24 dev br0
ip -n $tag-node link set br0 up
i=2
for h in evil friend; do
	ip netns add $tag-$h
	ip -n $tag-$h link set lo up
	ip -n $tag-$h link add eth0 type veth peer name $h netns $tag-node
	ip -n $tag-node link set $h master br0 up
	ip -n $tag-$h addr add 10.77.0.$i/24 dev eth0
	ip -n $tag-$h link set eth0 up
	i=$((i + 1))
done

cat >"$dir/node.toml" <<TOML
data_dir = "$dir/data"
site = "siege"
[door]
addr = "10.77.0.1:8480"
[mqtt]
addr = ""
[log]
level = "warn"
TOML
ip netns exec $tag-node bin/aielon-edge run --config "$dir/node.toml" >"$dir/node.log" 2>&1 &
node=$!
url=https://10.77.0.1:8480
for _ in $(seq 100); do
	ip netns exec $tag-friend curl -ksf --max-time 2 $url/readyz >/dev/null && break
	sleep 0.1
done

evil() { ip netns exec $tag-evil timeout $((SECONDS_EACH + 5)) "$@" >"$dir/evil.log" 2>&1 || true; }
bad=0
against() {
	local what=$1; shift
	evil "$@" & local e=$!
	sleep 1
	printf '%-14s ' "$what"
	ip netns exec $tag-friend "$dir/siege" friend $url/v1/ledger "$SECONDS_EACH" || bad=1
	kill $e 2>/dev/null || true; wait $e 2>/dev/null || true
	grep -h '^reset:' "$dir/evil.log" || true
	kill -0 $node || { echo "siege: the node is gone"; cat "$dir/node.log"; exit 1; }
}
against "nobody" sleep "$SECONDS_EACH"
against "slow heads" slowhttptest -H -c 1000 -r 200 -i 5 -l "$SECONDS_EACH" -u $url/v1/ledger
against "slow bodies" slowhttptest -B -c 1000 -r 200 -i 5 -l "$SECONDS_EACH" -s 8192 -u $url/v1/sign-in
against "slow readers" slowhttptest -X -c 1000 -r 200 -w 1 -y 1 -n 5 -z 32 -l "$SECONDS_EACH" -u $url/openapi.json
against "flood" h2load -c 50 -m 50 -D "$SECONDS_EACH" $url/v1/ledger
against "rapid reset" "$dir/siege" reset 10.77.0.1:8480 "$SECONDS_EACH"
printf 'memory of the node afterwards: %s\n' "$(awk '/^Pss:/ {s += $2} END {print s " kB PSS"}' /proc/$node/smaps_rollup)"
exit $bad
