#!/usr/bin/env bash
# Scans every TCP and UDP port of four machines, from the network and from themselves, by IPv4 and IPv6, and fails
# where one more or one fewer answers than the table "Ports" in README.md says: a node as it comes, a node with
# everything on, the hub it delivers to, and the quickstart. Each machine is a network namespace. At the end a port
# that is in no table is opened, and must be found. Takes about three minutes. Needs root, ip and ss (Debian:
# iproute2) and nmap (installed where apt-get is there).
#
#   PORTS_DOC=FILE scripts/ports.sh     compare with the table of another file
set -euo pipefail
export LC_ALL=C # one order for sort and comm
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "ports: network namespaces need root"; exit 2; }
command -v nmap >/dev/null || apt-get install -y -qq nmap >/dev/null 2>&1 || true
for t in ip ss nmap curl; do
	command -v $t >/dev/null || { echo "ports: $t is missing; Debian has it in iproute2, nmap and curl"; exit 2; }
done
[ -x bin/aielon-edge ] || { echo "ports: build the program first: make build"; exit 2; }
edge=$PWD/bin/aielon-edge doc=${PORTS_DOC:-README.md} dir=$(mktemp -d) tag=ports$$ bad=0
out_ports=50000-50999 # from which the system chooses, in the namespaces

cleanup() {
	# The jobs are shells; the programs are whatever lives in the namespaces.
	for h in plain node hub quickstart outside; do ip netns pids $tag-$h 2>/dev/null | xargs -r kill 2>/dev/null || true; done
	wait 2>/dev/null || true
	for h in plain node hub quickstart outside; do ip netns del $tag-$h 2>/dev/null || true; done
	rm -rf "$dir"
}
trap cleanup EXIT

at() { local h=$1; shift; ip netns exec "$tag-$h" "$@"; }

# --- Four machines on one bridge, which lies with the one that scans.
ip netns add $tag-outside
ip -n $tag-outside link add br0 type bridge
ip -n $tag-outside addr add 10.78.0.1/24 dev br0
ip -n $tag-outside addr add fd78::1/64 dev br0 nodad
ip -n $tag-outside link set br0 up
machine() { # name, last number of its address
	ip netns add "$tag-$1"
	ip -n "$tag-$1" link add eth0 type veth peer name "$1" netns $tag-outside
	ip -n $tag-outside link set "$1" master br0 up
	ip -n "$tag-$1" link set lo up
	ip -n "$tag-$1" addr add "10.78.0.$2/24" dev eth0
	ip -n "$tag-$1" addr add "fd78::$2/64" dev eth0 nodad
	ip -n "$tag-$1" link set eth0 up
	ip -n "$tag-$1" route add 224.0.0.0/4 dev eth0
	# A closed UDP port is told from an open one by the kernel's answer, which is rationed otherwise.
	at "$1" sysctl -qw net.ipv4.icmp_ratemask=0 net.ipv6.icmp.ratelimit=0 net.ipv4.ip_local_port_range="${out_ports/-/ }"
}
machine plain 2; machine node 3; machine hub 4; machine quickstart 5

# --- What runs on them.
config() { # name, then the rest of the file from standard input
	{ printf 'data_dir = "%s/%s"\nsite = "%s"\nregion = "ports"\n' "$dir" "$1" "${2:-$1}"; cat; printf '[log]\nlevel = "warn"\n'; } >"$dir/$1.toml"
}
config plain </dev/null
config node <<TOML
[door]
addr = ":8480"
[mqtt]
tls_addr = ":8883"
[cluster]
addr = "10.78.0.3:7945"
gossip_addr = "10.78.0.3:7946"
lan_discovery = true
TOML
config hub <<TOML
role = "hub"
[hub]
advertise = ["10.78.0.4:8484"]
[mqtt]
addr = ""
TOML
start() { # machine, its name, file
	at "$1" "$edge" run --config "$dir/$2.toml" >"$dir/$2.log" 2>&1 &
}
ready() { # machine, address of its door
	for _ in $(seq 150); do
		at "$1" curl -ksf --max-time 2 "$2/readyz" >/dev/null && return
		sleep 0.2
	done
	echo "ports: $1 is not ready"; cat "$dir/$1.log"; exit 1
}
start plain plain; start node node; start hub hub
HOME=$dir at quickstart "$edge" quickstart >"$dir/quickstart.log" 2>&1 &
ready plain http://127.0.0.1:8480; ready node https://127.0.0.1:8480; ready hub http://127.0.0.1:8480
ready quickstart http://127.0.0.1:8480; ready quickstart http://127.0.0.1:8481
read -r _ join addr code < <(at hub "$edge" invite --config "$dir/hub.toml" --role site --site node | grep 'aielon-edge join')
at node "$edge" "$join" --config "$dir/node.toml" "$addr" "$code" >/dev/null
for _ in $(seq 100); do
	at node curl -ksf https://127.0.0.1:8480/metrics | grep -q '^aielon_connected.* 1$' && break
	sleep 0.2
done

# --- What the table says: the rows of one column whose cell is $2.
documented() {
	awk -F'|' -v col="$1" -v cell="$2" '
		function trim(s) { gsub(/^[ `]+|[ `]+$/, "", s); return s }
		/^\| *port *\|/ { for (i = 2; i < NF; i++) if (trim($i) == col) at = i; next }
		!/^\|/ { at = 0 }
		at && trim($at) == cell { n = split(trim($2), p, /, */); for (i = 1; i <= n; i++) print p[i] }
	' "$doc" | sort
}

# --- What answers. A UDP port the system chose is "any/udp".
scan() { # where from, nmap's words
	local from=$1; shift
	at "$from" nmap -n -Pn -T4 --min-rate 8000 --max-retries 3 -p- -oG - "$@" >"$dir/scan" 2>"$dir/scan.err" || { cat "$dir/scan.err"; exit 1; }
	grep -q '^# Nmap done' "$dir/scan" || { echo "ports: nmap did not finish"; exit 1; }
	{ grep -oE '[0-9]+/open[^/]*/(tcp|udp)' "$dir/scan" || true; } | sed -E 's,/open[^/]*/,/,' | chosen
}
chosen() { awk -F/ -v r=$out_ports 'BEGIN { split(r, m, "-") } { print ($2 == "udp" && $1 >= m[1] && $1 <= m[2] ? "any" : $1) "/" $2 }' | sort; }
listening() { # what the kernel of the machine says, on any address
	at "$1" ss -Hlntu | awk '{ n = split($5, a, ":"); print a[n] "/" $1 }' | sort -u | chosen
}

compare() { # what, expected, found
	if [ "$2" = "$3" ]; then
		printf '%-31s %s\n' "$1" "$(echo ${2:-nothing})"
	else
		printf '%-31s DIFFERS: not documented: %s; documented and closed: %s\n' "$1" \
			"$(echo $(comm -13 <(echo "$2") <(echo "$3")))" "$(echo $(comm -23 <(echo "$2") <(echo "$3")))"
		return 1
	fi
}
look() { # machine, number of its address, column
	local net own
	net=$( (scan outside -sS -sU "10.78.0.$2"; scan outside -6 -sS -sU "fd78::$2") | sort -u)
	own=$( (scan "$1" -sS -sU 127.0.0.1; scan "$1" -6 -sS -sU ::1) | sort -u)
	compare "$3, from the network" "$(documented "$3" network)" "$net" || return 1
	compare "$3, from itself" "$(documented "$3" 'this machine')" "$(comm -23 <(echo "$own") <(echo "$net"))" || return 1
	compare "$3, as its kernel says" "$( (documented "$3" network; documented "$3" 'this machine') | sort)" "$(listening "$1")" || return 1
}
# A scan loses packets where the machine is busy, so a difference must show three times.
thrice() { for _ in 1 2 3; do look "$@" && return; done; bad=1; }
for c in node 'all on' hub quickstart; do
	[ -n "$(documented "$c" network)$(documented "$c" 'this machine')" ] || { echo "ports: $doc has no table with the column $c"; exit 1; }
done
thrice plain 2 node
thrice node 3 'all on'
thrice hub 4 hub
thrice quickstart 5 quickstart

# --- The control: a second program on the first machine opens a port nobody wrote down.
config intruder <<TOML
[door]
addr = "10.78.0.2:9480"
[mqtt]
addr = ""
TOML
start plain intruder
ready plain https://10.78.0.2:9480
if compare "control" "$(documented node network)" "$(scan outside -sS 10.78.0.2)" >"$dir/control"; then
	echo "ports: a port in no table was not found; this check cannot be believed"; exit 1
fi
sed 's/DIFFERS/found, as it must be/' "$dir/control"
exit $bad
