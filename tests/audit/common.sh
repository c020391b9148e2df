# shellcheck shell=sh
# What the scripts of tests/audit share: a directory of their own, names of the tools.
# shellcheck disable=SC2034 # used by who reads this
audit_write=${abs_top_builddir:?}/tests/audit/audit_write
check_chain=${abs_top_srcdir:?}/tests/audit/check_chain.py
python=/usr/bin/python3
[ -x "$python" ] || python=python3

directory=$(mktemp -d)
clean_up() {
    rm -rf "$directory"
}
trap clean_up EXIT
