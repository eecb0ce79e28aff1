#!/usr/bin/env bash
# The budgets that take long to check: start with and without a gigabyte of state, what an idle node uses of
# memory, processor and disk, what a thousand idle nodes cost a hub. Fails where one is exceeded. The size
# of the program and its dependencies are tests of package node.
set -euo pipefail
exec "$(dirname "$0")/run.sh" -strict -only start,hub,idle "$@"
