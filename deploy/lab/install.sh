#!/usr/bin/env bash
# install.sh puts an Asterisk of its own into a folder, for the lab: Debian sid
# by debootstrap, with the asterisk package inside. Nothing outside that folder is
# changed except that debootstrap itself is installed when it is missing. An
# Asterisk of the system, if there is one, is neither used nor touched.
#
# It may be run as often as you like, by two people at once, and killed half-way:
# the root is built beside its place and renamed into it when it is whole.
#
#   RINGBACK_LAB        the folder                       (default: .lab in the repository)
#   RINGBACK_LAB_SUITE  the Debian suite to take it from (default: sid, Asterisk 22)
#   RINGBACK_LAB_MIRROR the Debian mirror                (default: the one apt uses here)
#   RINGBACK_LAB_CACHE  a folder that keeps a tarball of the result, for the next
#                       fresh machine                    (default: none)
set -euo pipefail

# Recipe is raised whenever this script would build another root: an older one is
# then built anew.
recipe=1

here=$(cd "$(dirname "${BASH_SOURCE[0]:-.}")" && pwd) # without a name it was read from standard input, and RINGBACK_LAB is set
lab=${RINGBACK_LAB:-$here/../../.lab}
suite=${RINGBACK_LAB_SUITE:-sid}
cache=${RINGBACK_LAB_CACHE:-}
fallback_mirror=http://deb.debian.org/debian

say() { printf 'lab: %s\n' "$*"; }
die() { printf 'lab: %s\n' "$*" >&2; exit 1; }

mkdir -p "$lab" 2>/dev/null || die "cannot create the folder $lab: set RINGBACK_LAB to one that can be written"
lab=$(cd "$lab" && pwd)
root=$lab/asterisk
part=$root.part
stamp=$root/.ringback-lab

installed() {
  [ -f "$stamp" ] && [ "$(sed -n 's/^recipe=//p' "$stamp")" = "$recipe" ] &&
    [ "$(sed -n 's/^suite=//p' "$stamp")" = "$suite" ]
}

if installed; then
  say "Asterisk $(sed -n 's/^version=//p' "$stamp") is already in $root (remove the folder to install it anew)"
  exit 0
fi

if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || die "installing and running the lab needs root (chroot), and there is no sudo here"
  say "installing needs root: asking sudo"
  exec sudo --preserve-env=RINGBACK_LAB,RINGBACK_LAB_SUITE,RINGBACK_LAB_MIRROR,RINGBACK_LAB_CACHE,http_proxy,https_proxy "${BASH_SOURCE[0]:-$0}"
fi

for tool in flock apt-get dpkg; do
  command -v "$tool" >/dev/null || die "$tool is missing: the lab installs on Debian and Ubuntu; elsewhere point RINGBACK_LAB at a root made on one"
done
arch=$(dpkg --print-architecture)

# One installer at a time; the second one finds the work done.
exec 9>"$lab/.lock"
if ! flock -n 9; then
  say "another install is at work in $lab: waiting for it"
  flock 9
fi
if installed; then
  say "Asterisk $(sed -n 's/^version=//p' "$stamp") is in $root now"
  exit 0
fi

# clear removes a tree that a killed run may have left with /proc mounted in it.
clear_tree() {
  local tree=$1 mounted
  [ -e "$tree" ] || return 0
  mounted=$(awk -v t="$tree/" 'index($2, t) == 1 { print $2 }' /proc/mounts | sort -r)
  for m in $mounted; do umount -l "$m"; done
  rm -rf --one-file-system "$tree"
}

if [ -e "$part" ]; then
  say "an earlier install was cut short: starting anew"
fi
clear_tree "$part"
trap 'clear_tree "$part"' EXIT

started=$(date +%s)
tarball=
[ -z "$cache" ] || tarball=$cache/ringback-lab-$suite-$arch-$recipe.tar.gz

if [ -n "$tarball" ] && [ -f "$tarball" ]; then
  say "unpacking the cached $tarball"
  mkdir -p "$part"
  tar -C "$part" -xzf "$tarball" || die "the cached $tarball cannot be unpacked: remove it, and run this again"
  mkdir -p "$part/dev"
else
  want=
  command -v debootstrap >/dev/null || want="$want debootstrap"
  [ -f /usr/share/keyrings/debian-archive-keyring.gpg ] || want="$want debian-archive-keyring"
  if [ -n "$want" ]; then
    say "installing with apt:$want"
    apt-get -q update >/dev/null
    # shellcheck disable=SC2086 # a list of package names
    DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $want >/dev/null
  fi

  # The mirror this machine already uses, if it has the suite (a security or
  # third-party archive has not).
  release=$lab/.release
  carries() { rm -f "$release"; /usr/lib/apt/apt-helper download-file "$1/dists/$suite/Release" "$release" >/dev/null 2>&1; }
  mirror=${RINGBACK_LAB_MIRROR:-}
  if [ -z "$mirror" ]; then
    # shellcheck disable=SC2016 # apt's own fields, not the shell's
    for m in $(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | sed 's,/*$,,' | grep '^https\?:' | grep -v security | sort -u); do
      if carries "$m"; then mirror=$m; break; fi
    done
  fi
  rm -f "$release"
  mirror=${mirror:-$fallback_mirror}
  say "taking Debian $suite ($arch) from $mirror"

  # debootstrap fetches with wget, which knows nothing of apt's proxy.
  eval "$(apt-config shell proxy Acquire::http::Proxy)"
  [ -z "${proxy:-}" ] || [ "$proxy" = DIRECT ] || export http_proxy="${http_proxy:-$proxy}"

  include=
  case $mirror in https:*) include=--include=ca-certificates ;; esac
  log=$lab/install.log
  say "debootstrap (log: $log)"
  # What debootstrap mounts in there is to vanish with it, however it ends.
  alone="unshare --mount"
  $alone true 2>/dev/null || alone=
  $alone debootstrap --variant=minbase ${include:+"$include"} "$suite" "$part" "$mirror" >"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; die "debootstrap failed: the lines above are the end of $log"; }

  # How this machine reaches its mirror holds inside as well.
  {
    apt-config dump Acquire::http Acquire::https Acquire::Check-Valid-Until Acquire::Check-Date Acquire::ForceIPv4 2>/dev/null |
      grep '^Acquire::.* "..*";$' || true
    echo 'Acquire::Languages "none";'
  } >"$part/etc/apt/apt.conf.d/00ringback-lab"
  # Start nothing: the lab starts its own.
  printf '#!/bin/sh\nexit 101\n' >"$part/usr/sbin/policy-rc.d"
  chmod 755 "$part/usr/sbin/policy-rc.d"
  printf 'path-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\npath-exclude=/usr/share/locale/*\n' \
    >"$part/etc/dpkg/dpkg.cfg.d/ringback-lab"

  say "installing the asterisk package inside"
  # shellcheck disable=SC2016 # expanded inside
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive ${http_proxy:+http_proxy="$http_proxy"} \
    chroot "$part" sh -ec 'apt-get -q update; apt-get -q install -y --no-install-recommends asterisk; apt-get clean; rm -rf /var/lib/apt/lists/*' \
    >>"$log" 2>&1 || { tail -n 20 "$log" >&2; die "installing asterisk failed: the lines above are the end of $log"; }
fi

version=$(chroot "$part" /usr/sbin/asterisk -V | sed 's/^Asterisk //; s/[+~].*//')
# shellcheck disable=SC2016 # dpkg-query's own
package=$(chroot "$part" dpkg-query -W -f '${Version}' asterisk)
case $version in
  [0-9]*) ;;
  *) die "the asterisk installed in $part does not say its version: '$version'" ;;
esac

if [ -n "$tarball" ] && [ ! -f "$tarball" ]; then
  say "keeping a copy as $tarball"
  mkdir -p "$cache"
  tar -C "$part" --one-file-system --exclude=./dev --exclude=./proc/* --exclude=./sys/* -cf - . | gzip -1 >"$tarball.$$"
  mv "$tarball.$$" "$tarball"
fi

# Where the lab keeps its instances (deploy/lab, package lab).
mkdir -p "$part/srv/lab"
printf 'recipe=%s\nsuite=%s\nversion=%s\npackage=%s\n' "$recipe" "$suite" "$version" "$package" >"$part/.ringback-lab"
if [ -e "$root" ]; then
  rm -rf "$root.old"
  mv "$root" "$root.old"
fi
mv "$part" "$root"
trap - EXIT
clear_tree "$root.old"
say "Asterisk $version (Debian $package) is in $root, $(du -sm --one-file-system "$root" | cut -f1) MB, after $(($(date +%s) - started)) s"
