#!/bin/sh
# A disk that is really full: commits fail with a clear word, nothing half is left, and it goes on by
# itself when there is room again. Needs a file system of its own: root, or user namespaces.
set -eu
if [ "${1:-}" != inside ]; then
    if unshare --user --map-root-user --mount true 2>/dev/null; then
        exec unshare --user --map-root-user --mount "$0" inside
    elif [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null; then
        exec unshare --mount "$0" inside
    fi
    echo "SKIPPED: may neither mount nor make a user namespace" >&2
    exit 77
fi
. "${abs_top_srcdir:?}/tests/audit/common.sh"
mkdir "$directory/disk"
mount -t tmpfs -o size=64k none "$directory/disk" || {
    echo "SKIPPED: may not mount a tmpfs" >&2
    exit 77
}
trap 'umount "$directory/disk"; clean_up' EXIT
log=$directory/disk/log

# the shell writes lines to the writer and reads what it says to each, one at a time
mkfifo "$directory/in" "$directory/out"
"$audit_write" "$log" <"$directory/in" >"$directory/out" &
writer=$!
exec 3>"$directory/in" 4<"$directory/out"
say() {
    echo "$1" >&3
    read -r answer <&4
}

say first
[ "${answer%%:*}" = ok ]
dd if=/dev/zero of="$directory/disk/filler" bs=1k count=44 2>/dev/null
n=0
while [ "${answer%%:*}" = ok ]; do
    n=$((n + 1))
    [ "$n" -lt 1000 ]
    say "line $n"
done
[ "$answer" = "failed: audit log $log: No space left on device" ]
"$python" "$check_chain" "$log"
say "still full"
[ "$answer" = "failed: audit log $log: No space left on device" ]
"$python" "$check_chain" "$log"

rm "$directory/disk/filler"
say "room again"
[ "${answer%%:*}" = ok ]
exec 3>&-
wait "$writer"
"$python" "$check_chain" "$log"
grep -q '"type":"unrecorded","records":0,"intents":2,"text":"audit log .*: No space left on device"' "$log"
[ "$(grep -c '"type":"intent".*"text":"still full"' "$log")" = 0 ]
[ "$(grep -c '"type":"outcome".*"text":"still full"' "$log")" = 1 ]
