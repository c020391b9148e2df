#!/bin/bash
# Makes a throwaway PKI to try qmpgate with, and for its tests: see --help and the README beside.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: make-certs.sh [--out DIR] [--vm-domain NAME] [--server-ip ADDRESS]... [--force]

Makes a certificate authority, a server certificate and client certificates, good and bad ones.
They are for trying things out: the authority's key lies beside them, without a password.

  --out DIR            where the files go (default: "certs" beside this script)
  --vm-domain NAME     VMs are reached as VM.NAME; the server's certificate is for *.NAME and NAME
                       (default: vm.example.com)
  --server-ip ADDRESS  one more IP address for the server's certificate, which has 127.0.0.1 and
                       ::1 anyway; may be repeated
  --force              make everything anew
  --help               this text

Nothing happens if DIR holds a set already that was made with the same settings and is not near
its end; otherwise the whole set is made anew. Needs certtool (Debian: gnutls-bin).
TEXT
}

die() {
    echo "make-certs.sh: $*" >&2
    exit "${status:-1}"
}

bad_usage() {
    status=2 die "$* (try --help)"
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$here/certs
vm_domain=vm.example.com
server_ips=(127.0.0.1 ::1)
force=no
days=365        # how long certificates and the CRL are good for
renew_after=300 # days after which a set is made anew: well before the daemon's 30 day warning

while [ $# -gt 0 ]; do
    case $1 in
    --out | --vm-domain | --server-ip)
        [ -n "${2:-}" ] || bad_usage "$1 needs a value"
        case $1 in
        --out) out=$2 ;;
        --vm-domain) vm_domain=$2 ;;
        --server-ip) server_ips+=("$2") ;;
        esac
        shift 2
        ;;
    --force) force=yes && shift ;;
    --help | -h) usage && exit 0 ;;
    *) bad_usage "unknown argument '$1'" ;;
    esac
done
[[ $vm_domain =~ ^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$ ]] ||
    bad_usage "'$vm_domain' is not a domain name"
for ip in "${server_ips[@]}"; do
    [[ $ip =~ ^[0-9a-fA-F.:]+$ ]] || bad_usage "'$ip' is not an IP address"
done
command -v certtool >/dev/null || die "certtool is missing (Debian: apt-get install gnutls-bin)"

# --- is there anything to do? -------------------------------------------------------------------
names=(ca other-ca server admin operator viewer stranger revoked foreign expired no-client-eku)
settings="format=1 vm-domain=$vm_domain server-ip=${server_ips[*]}"

is_complete() {
    local name
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$settings" ] || return 1
    [ -z "$(find "$stamp" -mtime "+$renew_after")" ] && [ -f "$out/ca.crl" ] || return 1
    for name in "${names[@]}"; do
        [ -f "$out/$name.crt" ] && [ -f "$out/$name.key" ] || return 1
    done
}

mkdir -p "$out"
out=$(cd "$out" && pwd)
stamp=$out/.made-with
umask 077
# one at a time: tests that run side by side share a set
exec 9>"$out/.lock"
flock 9
if [ "$force" = no ] && is_complete; then
    exit 0
fi
work=$(mktemp -d "$out/.new.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

quietly() {
    "$@" >log 2>&1 || {
        cat log >&2
        die "failed: $*"
    }
}

# new_key NAME
new_key() {
    quietly certtool --generate-privkey --key-type ecdsa --curve secp256r1 --outfile "$1.key"
}

# authority NAME CN
authority() {
    new_key "$1"
    cat >"$1.tmpl" <<TEXT
dn = "CN=$2,O=Example"
expiration_days = 3650
ca
cert_signing_key
crl_signing_key
TEXT
    quietly certtool --generate-self-signed --template "$1.tmpl" --load-privkey "$1.key" --outfile "$1.crt"
}

# certificate CA NAME CN: the rest of the template comes on standard input
certificate() {
    new_key "$2"
    {
        printf 'dn = "CN=%s,O=Example"\nsigning_key\n' "$3"
        cat
    } >"$2.tmpl"
    quietly certtool --generate-certificate --template "$2.tmpl" --load-privkey "$2.key" \
        --load-ca-certificate "$1.crt" --load-ca-privkey "$1.key" --outfile "$2.crt"
}

# client CA NAME CN
client() {
    certificate "$1" "$2" "$3" <<TEXT
expiration_days = $days
tls_www_client
TEXT
}

# --- the set ------------------------------------------------------------------------------------
authority ca "qmpgate example CA"
authority other-ca "another CA"

{
    echo "expiration_days = $days"
    echo "tls_www_server"
    printf 'dns_name = "%s"\n' "*.$vm_domain" "$vm_domain" localhost
    printf 'ip_address = "%s"\n' "${server_ips[@]}"
} | certificate ca server "$vm_domain"

for name in admin operator viewer stranger revoked; do
    client ca "$name" "$name"
done
# the same name as the administrator, said by somebody who has no business saying it
client other-ca foreign admin

certificate ca expired expired <<TEXT
activation_date = "2020-01-01 00:00:00 UTC"
expiration_date = "2020-12-31 00:00:00 UTC"
tls_www_client
TEXT

certificate ca no-client-eku no-client-eku <<TEXT
expiration_days = $days
tls_www_server
TEXT

cat >crl.tmpl <<TEXT
crl_next_update = $days
crl_number = 1
TEXT
quietly certtool --generate-crl --template crl.tmpl --load-certificate revoked.crt \
    --load-ca-certificate ca.crt --load-ca-privkey ca.key --outfile ca.crl

chmod 0600 ./*.key
chmod 0644 ./*.crt ./*.crl
rm -f "$stamp"
mv -f ./*.key ./*.crt ./*.crl "$out/"
echo "$settings" >"$stamp"
echo "made in $out: $(cd "$out" && echo *.crt *.crl)"
