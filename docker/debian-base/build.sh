#!/bin/bash
# Makes a root file system with Python from Debian packages, where no image registry can be reached.
#
#   build.sh SUITE FILE [PACKAGE...]     such as: build.sh bookworm base.tar; docker import base.tar my-base
#
# Needs root, mmdebstrap and util-linux. Packages come from the mirror that apt uses here, or from $MIRROR; apt
# checks their signatures. The same packages give the same bytes: time stamps are those of the suite.
set -euo pipefail

# What ends this script also ends all that it started, and /tmp is memory that goes with it: neither a kill nor
# an error leaves anything behind but the file, and dpkg waits for no disk.
if [ "${1-}" != --inside ]; then
    exec unshare --mount --pid --fork --kill-child --mount-proc -- /bin/bash "$0" --inside "$@"
fi
suite=${2:?a suite of Debian, such as bookworm}
# Before /tmp, where it may lie, is another one.
exec 3>"${3:?the file to write}"
shift 3
packages=$(IFS=, && printf %s "$*")
mount -t tmpfs -o size=2g,mode=1777 mpws-base /tmp
export TMPDIR=/tmp
cd /tmp

mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Label: Debian' | sort | uniq -c | sort -rn |
    awk 'NR == 1 { print $2 }')}
mirror=${mirror:-http://deb.debian.org/debian}
mirror=${mirror%/}
options=()
while read -r line; do
    options+=("--aptopt=$line")
done < <(apt-config dump --format '%F "%v";%n' Acquire | grep -iE '^Acquire::https?::(.*::)?(proxy|cainfo)' || true)
if [ "$suite" = sid ]; then
    # A mirror that is not fed any more offers an older sid, signed all the same.
    options+=('--aptopt=Acquire::Check-Valid-Until "false";')
fi

/usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file "$mirror/dists/$suite/InRelease" /tmp/InRelease >&2
SOURCE_DATE_EPOCH=$(date --date "$(sed -n 's/^Date: //p' /tmp/InRelease | head -n 1)" +%s)
export SOURCE_DATE_EPOCH

# The library's part that is not in python3-minimal has asyncio, ssl and ctypes.
mmdebstrap --variant=essential --format=tar \
    --include="python3-minimal,libpython3-stdlib${packages:+,$packages}" \
    --hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/resolv.conf "$1"/etc/hostname' \
    "${options[@]}" "$suite" - "$mirror" >&3
printf 'date %s\n' "$SOURCE_DATE_EPOCH"
