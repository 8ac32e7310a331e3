#!/usr/bin/env bash
# Runs the official conformance suite: conformance.sh URL REVISION OUT
#
# URL is a server's, on localhost (the suite's rebinding checks want that);
# REVISION is 2025-11-25 or 2026-07-28. OUT, a folder, gets `results.json` (every
# check and how it ended), `log`, and the suite's own files. The last line
# printed is `passed N failed M`. Exits 0 if none failed, 1 if some did, and 2
# if the suite itself didn't run. What was lost between two runs, tell by
# `run python3 checks.py compare BEFORE AFTER`.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
url=${1:?URL} revision=${2:?REVISION} out=${3:?OUT}

rm -rf "$out/suite"
mkdir -p "$out/suite"
"$here/run" conformance server --url "$url" --requirements "$revision" -o "$out/suite" >"$out/log" 2>&1 || true
exec "$here/run" python3 "$here/checks.py" collect "$out/suite" "$out/log" "$out/results.json"
