#!/usr/bin/env bash
# tools.sh installs the Debian packages that the tests and the demo need and that
# are missing, and axe-core in the lab's folder, and says so. It may be run as
# often as you like.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
axe=${RINGBACK_LAB:-$here/../../.lab}/axe # judges the accessibility of the console's pages
axe_version=4.11.0

say() { printf 'setup: %s\n' "$*"; }

missing=()
need() { # need COMMAND PACKAGE...
  command -v "$1" >/dev/null 2>&1 || missing+=("${@:2}")
}
need gcc gcc libc6-dev # the race detector is linked with a C compiler
need git git
# Tests run PostgreSQL clusters of their own. The package would make and start
# one for the whole machine: it is told not to, and one that is there is left
# alone.
if ! compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; then
  missing+=(postgresql-15)
fi
need chromium chromium fonts-dejavu-core # the browser tests of the console; any font will do
need npm npm # fetches axe-core

# packages installs what is missing.
packages() {
  say "installing ${missing[*]}"
  local sudo=
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { say "installing packages needs root, and there is no sudo here" >&2; exit 1; }
    sudo=sudo
  fi
  export DEBIAN_FRONTEND=noninteractive
  $sudo apt-get update -qq
  if [[ " ${missing[*]} " == *" postgresql-15 "* ]] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    $sudo mkdir -p /etc/postgresql-common
    printf 'create_main_cluster = false\n' | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

[ ${#missing[@]} -eq 0 ] || packages

if [ "$(sed -n 's/^  "version": "\(.*\)".*/\1/p' "$axe/node_modules/axe-core/package.json" 2>/dev/null)" != "$axe_version" ]; then
  say "installing axe-core $axe_version into $axe"
  mkdir -p "$axe"
  npm install --prefix "$axe" --ignore-scripts --no-save --no-audit --no-fund --loglevel=error "axe-core@$axe_version"
fi
say "the tools are all here"
