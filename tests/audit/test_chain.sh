#!/bin/sh
# The chain of real runs, checked by a second implementation: restarts, rotation, a torn line.
set -eu
. "${abs_top_srcdir:?}/tests/audit/common.sh"
log=$directory/log

for sync in write data write; do
    seq 1 200 | "$audit_write" "$log" "$sync" >"$directory/out"
    [ "$(grep -c '^ok: ' "$directory/out")" = 200 ]
done
"$python" "$check_chain" "$log"

# torn by a crash
printf '{"v":1,"seq":1202,"time":"2026' >>"$log"
echo after | "$audit_write" "$log" >/dev/null
"$python" "$check_chain" "$log"
grep -q '"type":"torn","file":"log.torn.1202","bytes":30' "$log"

# rotated between two runs: the new log says what it follows, and both together are one chain
mv "$log" "$log.1"
echo rotated | "$audit_write" "$log" >/dev/null
"$python" "$check_chain" "$log"
"$python" "$check_chain" "$log.1" "$log"

# the second implementation does find what was changed
sed 's/"text":"17"/"text":"18"/' "$log.1" >"$directory/changed"
if "$python" "$check_chain" "$directory/changed" 2>/dev/null; then
    echo "a changed text was not found" >&2
    exit 1
fi
