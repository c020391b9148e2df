"""Ways to a libvirtd on another host, as far as libvirt can tell: its own TLS port, and a real sshd."""

import os
import pwd
import shutil
import subprocess

import pytest

from . import wait
from .gateway import free_port
from .libvirt import NOBODY, Libvirtd
from .process import Process

SSHD = "/usr/sbin/sshd"
KEY_USAGE = "encryption_key"  # libvirt insists on it, so it has to be RSA


def give(path):
    """To the user that the Libvirtd runs as."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)


class TlsLibvirtd(Libvirtd):
    """It listens as libvirt's documentation says, with certificates of the test's CA, and lets one name in."""

    ALLOWED = "O=Example,CN=gateway"

    def __init__(self, directory, pki, name="host1", server=("tls_www_server", 'dns_name = "localhost"', KEY_USAGE)):
        super().__init__(directory, name)
        self.pki, self.port = pki, free_port()
        for source, target in zip((*pki.issue(f"libvirtd-{name}", name, lines=server, rsa=True), pki.path("ca.crt")),
                                  ("cert.pem", "key.pem", "ca.pem")):
            shutil.copy(source, self.path(target))
            give(self.path(target))
        with open(self.path("libvirtd.conf"), "a") as f:
            f.write(f'listen_tls = 1\nlisten_addr = "127.0.0.1"\ntls_port = "{self.port}"\n'
                    f'cert_file = "{self.path("cert.pem")}"\nkey_file = "{self.path("key.pem")}"\n'
                    f'ca_file = "{self.path("ca.pem")}"\ntls_allowed_dn_list = ["{self.ALLOWED}"]\n')
        self.options = ["--listen"]

    def credentials(self, name, cn, ca="ca"):
        """A directory for pkipath, of a client of that name; who signed it, and whom it believes."""
        path = os.path.join(os.path.dirname(self.directory), f"pki-{name}")
        os.mkdir(path)
        for source, target in zip((*self.pki.issue(name, cn, ca=ca, lines=("tls_www_client", KEY_USAGE), rsa=True), self.pki.path("ca.crt")),
                                  ("clientcert.pem", "clientkey.pem", "cacert.pem")):
            shutil.copy(source, os.path.join(path, target))
        if ca != "ca":  # that it believes itself
            with open(os.path.join(path, "cacert.pem"), "a") as out, open(self.pki.path(ca + ".crt")) as f:
                out.write(f.read())
        return path

    def remote(self, credentials, host="localhost"):
        return f"qemu+tls://{host}:{self.port}/session?pkipath={credentials}"


class Sshd:
    """An sshd of its own, for whoever runs the tests, with keys of its own; none of that user's files is touched. Clients
    find its host key by `bin`, which goes before everything else in PATH: `ssh` there takes a configuration of its own."""

    def __init__(self, directory):
        if not os.path.exists(SSHD) or not shutil.which("ssh"):
            pytest.skip("needs openssh-server (scripts/install-deps test)")
        if pwd.getpwuid(os.geteuid()).pw_shell.endswith(("nologin", "false")):
            pytest.skip("whoever runs the tests has no shell for sshd to start")
        self.user, self.port = pwd.getpwuid(os.geteuid()).pw_name, free_port()
        self.directory = os.path.join(directory, "sshd")
        os.makedirs(self.path("bin"), 0o755)
        for key in ("host", "client", "other"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.path(key)], check=True)
        self.write("authorized_keys", self.read("client.pub"))
        self.write("known_hosts", f"[127.0.0.1]:{self.port} {self.read('host.pub')}")
        self.write("sshd_config", f"""ListenAddress 127.0.0.1:{self.port}
HostKey {self.path("host")}
AuthorizedKeysFile {self.path("authorized_keys")}
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
""")
        self.write("ssh_config", f"UserKnownHostsFile {self.path('known_hosts')}\nGlobalKnownHostsFile none\nStrictHostKeyChecking yes\n"
                                 "IdentitiesOnly yes\nBatchMode yes\n")
        self.write("bin/ssh", f'#!/bin/sh\nexec /usr/bin/ssh -F {self.path("ssh_config")} "$@"\n')
        os.chmod(self.path("bin/ssh"), 0o755)
        self.process = None

    def path(self, name):
        return os.path.join(self.directory, name)

    def read(self, name):
        with open(self.path(name)) as f:
            return f.read()

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)

    def start(self):
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", 0o755, exist_ok=True)  # its own, which the service would make
        self.process = Process([SSHD, "-D", "-e", "-f", self.path("sshd_config")])
        wait.until(lambda: "Server listening" in self.process.text or not self.process.running(), "sshd")
        assert self.process.running(), self.process.text
        return self

    def uri(self, libvirtd, key="client"):
        return (f"qemu+ssh://{self.user}@127.0.0.1:{self.port}/session?keyfile={self.path(key)}"
                f"&socket={libvirtd.socket}")

    def stop(self):
        if self.process and self.process.running():
            self.process.terminate()
