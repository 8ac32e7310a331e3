#!/usr/bin/env bash
# Installs the servers and clients that Doorward is tested with into
# $DOORWARD_PEERS (default: target/peers). Does nothing if they are there.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
peers=${DOORWARD_PEERS:-$here/../../target/peers}

say() { printf '%s\n' "$*" >&2; }

# Runs a command again if it fails: networks do.
retry() {
  local wait
  for wait in 2 5 15 0; do
    "$@" && return
    if [[ $wait -gt 0 ]]; then
      say "\`$1\` failed; again in $wait s"
      sleep "$wait"
    fi
  done
  say "\`$*\` failed four times"
  return 1
}

# Debian's name for what is missing.
missing() {
  command -v node >/dev/null || echo nodejs
  command -v npm >/dev/null || echo npm
  command -v git >/dev/null || echo git
  python3 -c 'import venv, ensurepip' 2>/dev/null || echo python3-venv
}

system_packages() {
  local packages
  mapfile -t packages < <(missing)
  [[ ${#packages[@]} -eq 0 ]] && return
  if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
    say "the peers need: ${packages[*]}; install them, then run this again"
    exit 1
  fi
  say "installing: ${packages[*]}"
  retry apt-get update -qq
  DEBIAN_FRONTEND=noninteractive retry apt-get install -y -qq --no-install-recommends "${packages[@]}"
}

npm_packages() {
  cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$peers/"
  # The lock has the hash of every package, and none may run a script.
  (cd "$peers" && retry npm ci --no-progress --loglevel=error >&2)
  # The suite needs Node 22 or newer, so one comes as a package; npm 9 doesn't link it.
  local binary
  binary=$(echo "$peers"/node_modules/node-linux-*/bin/node)
  [[ -x $binary ]] || { say "there is no Node package for this machine: $(uname -sm)"; exit 1; }
  ln -sfn "${binary/#$peers\/node_modules/..}" "$peers/node_modules/.bin/node"
}

python_packages() {
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { say "the Python peers need Python 3.11 or newer"; exit 1; }
  rm -rf "$peers/venv"
  python3 -m venv "$peers/venv"
  retry "$peers/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt"
}

mkdir -p "$peers"
peers=$(cd "$peers" && pwd)

# One installer at a time: tests may start several.
exec 9>"$peers/.lock"
flock 9

wanted=$(cat "$here/package-lock.json" "$here/requirements.txt" "${BASH_SOURCE[0]}" | sha256sum | cut -d' ' -f1)
if [[ "$(cat "$peers/.installed" 2>/dev/null)" == "$wanted" ]]; then
  exit 0
fi
rm -f "$peers/.installed"
system_packages
npm_packages
python_packages
echo "$wanted" >"$peers/.installed"
say "the peers are in $peers"
