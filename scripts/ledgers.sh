#!/usr/bin/env bash
# Has hledger, ledger and beancount check a journal of the wallet and compares their balances with ours, for each account
# and fund, to the last decimal.
#   scripts/ledgers.sh DIR    DIR holds journal.hledger, journal.ledger, journal.beancount and balances.csv
# The three come from Debian: apt-get install hledger ledger beancount. INSTALL=1 has this script do that.
set -euo pipefail
export LC_ALL=C.UTF-8
dir=${1:?usage: scripts/ledgers.sh DIR}

missing=()
for tool in hledger ledger bean-check; do command -v "$tool" >/dev/null || missing+=("$tool"); done
if [ ${#missing[@]} -gt 0 ]; then
  if [ "${INSTALL:-}" != 1 ]; then echo "not there: ${missing[*]} (apt-get install hledger ledger beancount, or INSTALL=1)"; exit 2; fi
  apt-get install -y --no-install-recommends hledger ledger beancount >/dev/null
fi

tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT

# Lines of "account currency amount" in one form: no zeros at the end, nothing of nothing, sorted.
norm() {
  tr -d '"\r' | awk '{
    n = $3; if (n ~ /\./) { sub(/0+$/, "", n); sub(/\.$/, "", n) }
    if (n != "0" && n != "-0" && n != "") print $1, $2, n
  }' | sort
}

tail -n +2 "$dir/balances.csv" | tr ',' ' ' | norm >"$tmp/ours"

hledger -f "$dir/journal.hledger" check --strict
hledger -f "$dir/journal.hledger" balance --flat --no-total --layout=bare -O csv | tail -n +2 | tr -d '"' | tr ',' ' ' | norm >"$tmp/hledger"

# An account with several currencies has one line for each; its name stands on the last.
ledger -f "$dir/journal.ledger" --pedantic balance --flat --no-total --balance-format '%(strip(display_total))\n= %(account)\n' |
  awk 'BEGIN { n = 0 } /^=/ { for (i = 0; i < n; i++) print $2, c[i], a[i]; n = 0; next } NF == 2 { a[n] = $1; c[n++] = $2 }' | tr -d ',' | norm >"$tmp/ledger"

bean-check "$dir/journal.beancount"
# bean-query rounds for the eye; beancount's own inventories do not.
/usr/bin/python3 - "$dir/journal.beancount" <<'PY' | norm >"$tmp/beancount"
import sys
from beancount import loader
from beancount.core import realization
entries, errors, _ = loader.load_file(sys.argv[1])
if errors:
    sys.exit(str(errors[0]))
for account in realization.iter_children(realization.realize(entries)):
    for position in account.balance.reduce(lambda p: p.units):
        print(account.account, position.units.currency, format(position.units.number, "f"))
PY

bad=0
for tool in hledger ledger beancount; do
  if diff "$tmp/ours" "$tmp/$tool" >"$tmp/diff"; then
    printf '%-10s ok, %d balances are ours\n' "$tool" "$(wc -l <"$tmp/$tool")"
  else
    printf '%-10s differs (< ours, > theirs):\n' "$tool"; head -n 20 "$tmp/diff"; bad=1
  fi
done
exit $bad
