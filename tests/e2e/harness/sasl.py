"""Real accounts for logins by SASL: a sasldb, a saslauthd, a Kerberos KDC. None needs root."""

import os
import re
import socket
import socketserver
import subprocess
import threading

from . import wait
from .process import Process

REALM = "example.com"
SERVICE = "qmpgate"
HOSTNAME = "gw.example.com"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"  # where Debian has the daemons, whoever runs the tests


def run(*argv, env=None, text=""):
    done = subprocess.run(argv, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={"PATH": PATH, **(env or {})})
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}"
    return done.stdout


class Sasldb:
    """A file of names and passwords, by saslpasswd2(8)."""

    def __init__(self, directory, **users):
        self.path = os.path.join(directory, "sasldb2")
        for name, password in users.items():
            self.set(name, password)

    def set(self, user, password, realm=REALM):
        run("saslpasswd2", "-p", "-c", "-f", self.path, "-u", realm, user, text=password)

    def disable(self, user, realm=REALM):
        run("saslpasswd2", "-d", "-f", self.path, "-u", realm, user)

    def users(self):
        return run("sasldblistusers2", "-f", self.path).splitlines()


class Accounts:
    """Who saslauthd asks: a server of IMAP's LOGIN. `delay` holds its answers back, `pause` likewise those about
    users that it does not know, as a directory's might come late."""

    def __init__(self, **users):
        self.users, self.asked, self.delay, self.pause = users, [], 0, 0
        accounts = self

        class Login(socketserver.StreamRequestHandler):
            def handle(self):
                self.wfile.write(b"* OK IMAP4rev1\r\n")
                line = self.rfile.readline().decode("utf-8", "backslashreplace")
                tag, user, password = re.match(r'(\S+) LOGIN "(.*)" "(.*)"', line).groups()
                accounts.asked.append(user)
                threading.Event().wait(accounts.delay + (0 if user in accounts.users else accounts.pause))
                good = user in accounts.users and accounts.users[user] == password
                self.wfile.write(f"{tag} {'OK' if good else 'NO'} LOGIN\r\n".encode())

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Login)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class Saslauthd:
    """The real daemon, in a directory of its own; it asks `accounts` (its mechanism rimap, the one that needs neither
    root nor a file of the system's)."""

    def __init__(self, directory, **users):
        self.accounts = Accounts(**users)
        self.directory = os.path.join(directory, "saslauthd")
        self.socket = os.path.join(self.directory, "mux")
        os.mkdir(self.directory)
        self._daemon = None

    def start(self):
        self._daemon = Process(["/usr/sbin/saslauthd", "-a", "rimap", "-O", f"127.0.0.1/{self.accounts.port}", "-m",
                                self.directory, "-n", "2", "-d"], preexec=os.setsid)
        wait.until(lambda: wait.is_listening(self.socket), f"saslauthd: {self._daemon.text}")
        return self

    @property
    def text(self):
        return self._daemon.text

    def stop(self):
        if self._daemon and self._daemon.running():
            os.killpg(self._daemon.pid, 9)  # its workers too; told to end it may hang, in the logging of its signal handler
            self._daemon.wait()
        self.accounts.stop()


def without_leaks_of_libsasl2(directory):
    """Its Kerberos client loses its credentials, whoever uses it; its server the keytab's name, once a process. Whole
    stacks, to tell them from ours."""
    path = os.path.join(directory, "lsan.supp")
    with open(path, "w") as f:
        f.write("leak:sasl_client_start\nleak:sasl_server_add_plugin\n")
    more = {"LSAN_OPTIONS": f"suppressions={path}:print_suppressions=0", "ASAN_OPTIONS": "fast_unwind_on_malloc=0"}
    return {name: ":".join(filter(None, [os.environ.get(name), value])) for name, value in more.items()}


class Kdc:
    """A real krb5kdc on loopback with a realm of its own. `env` is what its clients and servers need."""

    REALM = "EXAMPLE.TEST"

    def __init__(self, directory):
        self.directory = os.path.join(directory, "kdc")
        self._daemon = None
        self.keytab = self._path("keytab")
        os.mkdir(self.directory)
        with socket.socket() as s:  # another process may take it before krb5kdc does: then start() says so
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self._write("krb5.conf", f"""
            [libdefaults]
            default_realm = {self.REALM}
            dns_lookup_kdc = false
            dns_lookup_realm = false
            dns_canonicalize_hostname = false
            rdns = false
            udp_preference_limit = 1
            default_ccache_name = FILE:{self._path("ccache")}
            [realms]
            {self.REALM} = {{
                kdc = 127.0.0.1:{self.port}
            }}
            [domain_realm]
            .example.com = {self.REALM}
            """)
        self._write("kdc.conf", f"""
            [kdcdefaults]
            kdc_listen = ""
            kdc_tcp_listen = 127.0.0.1:{self.port}
            [realms]
            {self.REALM} = {{
                database_name = {self._path("principal")}
                key_stash_file = {self._path("stash")}
                acl_file = {self._path("acl")}
            }}
            [logging]
            kdc = STDERR
            """)
        self.env = {"KRB5_CONFIG": self._path("krb5.conf"), "KRB5CCNAME": f"FILE:{self._path('ccache')}",
                    **without_leaks_of_libsasl2(self.directory)}
        self._own = {**self.env, "KRB5_KDC_PROFILE": self._path("kdc.conf")}

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _write(self, name, text):
        with open(self._path(name), "w") as f:
            f.write(text.replace("            ", ""))

    def _admin(self, query, sign):
        """It ends with 0 whatever happens: `sign` is what it says if all is well."""
        said = run("kadmin.local", "-r", self.REALM, "-q", query, env=self._own)
        assert sign in said, said

    def start(self):
        run("kdb5_util", "-r", self.REALM, "create", "-s", "-W", "-P", "master", env=self._own)
        self.add_service(f"{SERVICE}/{HOSTNAME}")
        return self.serve()

    def serve(self):
        self._daemon = Process(["/usr/sbin/krb5kdc", "-n", "-r", self.REALM], env={"PATH": PATH, **self._own})
        self._daemon.wait_line("commencing operation")
        return self

    def stop(self):
        if self._daemon:
            self._daemon.terminate()

    def add_user(self, name, password):
        self._admin(f'addprinc -pw "{password}" {name}', "created")

    def add_service(self, principal, keytab=None):
        self._admin(f"addprinc -randkey {principal}", "created")
        self._admin(f"ktadd -k {keytab or self.keytab} {principal}", "added to keytab")

    def kinit(self, name, password):
        run("kinit", name, env=self.env, text=password + "\n")

    def kdestroy(self):
        run("kdestroy", env=self.env)

    def klist(self):
        return run("klist", env=self.env)
