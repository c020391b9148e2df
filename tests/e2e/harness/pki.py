"""A throwaway PKI, made once a run by tls-certs-example/make-certs.sh, and what tests do to it."""

import os
import shutil
import subprocess
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
VM_DOMAIN = "vm.example.com"


class Pki:
    def __init__(self, directory):
        self.directory = directory

    @classmethod
    def make(cls, directory):
        script = os.path.join(SOURCE, "tls-certs-example", "make-certs.sh")
        subprocess.run([script, "--out", directory, "--vm-domain", VM_DOMAIN], check=True,
                       stdout=subprocess.DEVNULL)
        return cls(directory)

    def path(self, name):
        return os.path.join(self.directory, name)

    def pair(self, name):
        return self.path(name + ".crt"), self.path(name + ".key")

    def copy(self, directory):
        """One of its own for a test that changes files."""
        shutil.copytree(self.directory, directory)
        return Pki(directory)

    def identity(self, name):
        return f"x509:CN={name},O=Example"

    def issue(self, name, cn, ca="ca", days=30, lines=("tls_www_client",), dn=None, seconds=None,
              rsa=False):
        """One more certificate of the CA, good for so many days or seconds."""
        key = self.path(name + ".key")
        template = self.path(name + ".tmpl")
        with open(template, "w") as f:
            f.write(f'dn = "{dn or f"CN={cn},O=Example"}"\nsigning_key\n')
            f.write(f"expiration_days = {days}\n" if seconds is None else
                    f'expiration_date = "{time.strftime("%F %T UTC", time.gmtime(time.time() + seconds))}"\n')
            f.write("".join(line + "\n" for line in lines))
        kind = ("--key-type", "rsa", "--bits", "2048") if rsa else ("--key-type", "ecdsa", "--curve", "secp256r1")
        self._certtool("--generate-privkey", *kind, "--outfile", key)
        signer = ("--generate-self-signed",) if ca == name else (
            "--generate-certificate", "--load-ca-certificate", self.path(ca + ".crt"),
            "--load-ca-privkey", self.path(ca + ".key"))
        self._certtool(*signer, "--template", template, "--load-privkey", key, "--outfile", self.path(name + ".crt"))
        return self.pair(name)

    def authority(self, name, seconds):
        """A CA of its own, good for so many seconds; issue(..., ca=name)."""
        return self.issue(name, name, ca=name, lines=("ca", "cert_signing_key", "crl_signing_key"), seconds=seconds)

    def revoke(self, *names, days=30):
        """A new CRL that lists these certificates (and the one that was revoked from the start)."""
        template = self.path("crl.tmpl")
        with open(template, "w") as f:
            f.write(f"expiration_days = {days}\ncrl_next_update = {days}\n")
        bundle = self.path("revoke.pem")
        with open(bundle, "w") as out:
            for name in ("revoked",) + names:
                with open(self.path(name + ".crt")) as f:
                    out.write(f.read())
        self._certtool("--generate-crl", "--template", template, "--load-certificate", bundle,
                       "--load-ca-certificate", self.path("ca.crt"), "--load-ca-privkey", self.path("ca.key"),
                       "--outfile", self.path("ca.crl.new"))
        os.replace(self.path("ca.crl.new"), self.path("ca.crl"))

    @staticmethod
    def _certtool(*args):
        done = subprocess.run(["certtool", *args], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, done.stderr
