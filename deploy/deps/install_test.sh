#!/usr/bin/env bash
# What deploy/deps/install unpacks as root is what Debian's index says, and nobody else gets at it before that:
#
#   install_test.sh INSTALL
#
# apt is played here: it hands out what each case wants it to. The package and dpkg are real.
set -uo pipefail

install=$(realpath "$1")
world=$(mktemp -d "${TEST_TMPDIR:-/tmp}/install_test.XXXXXX")
trap 'rm -rf "$world"' EXIT
failed=0
fail() { printf 'FAILED: %s\n' "$*" >&2; failed=1; }

make_package() { # FILE CONTENT
  local tree=$world/tree
  rm -rf "$tree"
  mkdir -p "$tree"/{DEBIAN,usr/include/nats,usr/lib/x}
  printf 'Package: libnats-dev\nVersion: 9\nArchitecture: all\nMaintainer: A <a@b>\nDescription: toy\n' > "$tree/DEBIAN/control"
  printf '%s\n' "$2" | tee "$tree/usr/include/nats/nats.h" > "$tree/usr/lib/x/libnats_static.a"
  dpkg-deb --root-owner-group --build "$tree" "$1" >/dev/null
}

play() { # PROGRAM: its script on standard input
  cat > "$world/bin/$1"
  chmod 755 "$world/bin/$1"
}

mkdir "$world/bin" "$world/tmp"
make_package "$world/good.deb" good
make_package "$world/evil.deb" evil
play dpkg-query <<< $'#!/bin/sh\necho installed'
play nats-server <<< $'#!/bin/sh\necho "nats-server: v2.99.0"'
play apt-cache <<< $'#!/bin/sh\necho "  Candidate: (none)"'
play apt-get <<'APT'
#!/bin/sh
# Takes, as apt does, a package that is there already as it is.
case "$*" in
  *indextargets*) echo 'Debian Debian http://127.0.0.1/debian' ;;
  *--print-uris*) echo "'http://127.0.0.1/l.deb' libnats-dev_9_all.deb 1 SHA256:$(sha256sum < "$WORLD/good.deb" | cut -d ' ' -f 1)" ;;
  *download*) cp "$SERVED" libnats-dev_9_all.deb; find "$(dirname "$PWD")" -perm /022 > "$WORLD/open" ;;
esac
APT

# Runs the script in a new checkout, where everybody may write what has no mode of its own.
run_install() { # SERVED TMPDIR
  rm -rf "$world/checkout"
  mkdir -p "$world/checkout/deploy/deps"
  cp "$install" "$world/checkout/deploy/deps/install"
  (umask 000 && WORLD=$world SERVED=$1 TMPDIR=$2 HOME=$world PATH=$world/bin:/usr/bin:/bin \
    bash "$world/checkout/deploy/deps/install") > "$world/output" 2>&1
}
library=$world/checkout/.deps/cnats/lib/libnats_static.a

expect_refused() { # WHAT MESSAGE
  [ "$?" != 0 ] || fail "$1: it is installed"
  grep -q "$2" "$world/output" || fail "$1: the message is: $(cat "$world/output")"
  [ ! -e "$world/checkout/.deps/cnats" ] || fail "$1: something was unpacked"
}

# Control.
run_install "$world/good.deb" "$world/tmp" || fail "a good package is not installed: $(cat "$world/output")"
[ "$(cat "$library")" = good ] || fail 'a good package is not unpacked'
[ ! -s "$world/open" ] || fail "others may write to: $(cat "$world/open")"
open=$(find "$world/checkout/.deps" ! -type l -perm /022)
[ -z "$open" ] || fail "others may write to what was installed: $open"
[ -z "$(ls "$world/tmp")" ] || fail 'something is left behind'

run_install "$world/evil.deb" "$world/tmp"
expect_refused 'a package with another hash' 'is not what the index of'

mkdir -m 777 "$world/everybodys"
chmod 777 "$world/everybodys"
run_install "$world/good.deb" "$world/everybodys"
expect_refused 'a folder that others may replace' 'others can replace what lies in'

chmod 1777 "$world/everybodys"
run_install "$world/good.deb" "$world/everybodys" || fail "a folder like /tmp is refused: $(cat "$world/output")"

exit "$failed"
