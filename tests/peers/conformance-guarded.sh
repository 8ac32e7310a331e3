#!/usr/bin/env bash
# What does the conformance suite lose behind Doorward?
#
#   conformance-guarded.sh [--stdio] [--cut-streams] BINARIES OUT
#
# BINARIES is the folder with `doorward` and the peers' programs, say
# target/debug. For each revision the suite runs against the upstream itself,
# then against Doorward in front of the same upstream, reached through a proxy
# that brings a token; OUT gets both results. Prints the sums and each check
# that was lost, and exits 1 if there was one. With --stdio, Doorward starts
# the upstream as a process.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
stdio='' extra=()
while [[ ${1:-} == --* ]]; do
  case $1 in
    --stdio) stdio=yes ;;
    --cut-streams) extra+=(--cut-streams) ;;
    *) echo "unknown option \`$1\`" >&2; exit 2 ;;
  esac
  shift
done
binaries=$(cd "${1:?BINARIES}" && pwd) out=${2:?OUT}
mkdir -p "$out"
out=$(cd "$out" && pwd)
state=$(mktemp -d)

started=()
finish() {
  [[ ${#started[@]} -eq 0 ]] || kill "${started[@]}" 2>/dev/null || true
  rm -rf "$state"
}
trap finish EXIT

# Starts a program and sets $address to the URL that it names in LOG.
start() { # LOG PATTERN COMMAND...
  local log=$1 pattern=$2 waited
  shift 2
  "$@" >"$log" 2>&1 &
  started+=($!)
  for waited in {1..300}; do
    address=$(grep -oE "$pattern http[^ ]*" "$log" 2>/dev/null | head -1 | grep -oE 'http.*') && return
    kill -0 "${started[-1]}" 2>/dev/null || break
    sleep 0.1
  done
  echo "$1 isn't ready:" >&2
  cat "$log" >&2
  exit 2
}

free_port() {
  "$here/run" python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start "$out/upstream.log" 'listening on' "$binaries/conformance-upstream" --http 127.0.0.1:0 ${extra[@]+"${extra[@]}"}
upstream=$address

port=$(free_port)
guard=("$binaries/doorward" run --listen "127.0.0.1:$port" --state "$state")
if [[ $stdio ]]; then
  guard+=(-- "$binaries/conformance-upstream" --stdio)
else
  guard+=(--upstream "$upstream")
fi
start "$out/doorward.log" 'ready' "${guard[@]}"
(umask 077 && "$binaries/doorward" token issue --user conformance --state "$state" >"$state/token")
start "$out/proxy.log" 'listening on' "$binaries/bearer-proxy" \
  --target "http://127.0.0.1:$port/mcp" --token-file "$state/token"
guarded=$address

lost=0
for revision in 2025-11-25 2026-07-28; do
  echo "$revision direct:  $("$here/conformance.sh" "$upstream" "$revision" "$out/$revision-direct" | tail -1)"
  echo "$revision guarded: $("$here/conformance.sh" "$guarded" "$revision" "$out/$revision-guarded" | tail -1)"
  "$here/run" python3 "$here/checks.py" compare \
    "$out/$revision-direct/results.json" "$out/$revision-guarded/results.json" || lost=1
done
exit $lost
