"""A guide in Markdown, followed: its files written, its commands run on terminals, what they print compared.

A comment before a block says what it is:

    <!-- file: PATH -->                 the file
    <!-- section of: PATH -->           sections of it, each in place of the one of that name, or added
    <!-- run --> <!-- run: typing X --> "# command" on the gateway, "$ command" at the client, and what they print
    <!-- refused --> <!-- refused: typing X -->  the same, and the last one fails

What cannot be as the guide has it (paths, the port, the gateway's user, services of the system) is replaced here,
and nowhere else."""

import grp
import os
import pwd
import re
import shlex
import shutil

from . import wait
from .cli import Terminal
from .gateway import user_name
from .pki import SOURCE, Pki
from .process import Process
from .qemu import Qemu

PASSWORD = "correct horse battery"
PROMPT = r"(?i)(password|again|key)[^\n]*: ?$"  # the end of what asks for one
UNIT = os.path.join(SOURCE, "conf", "units", "qmpgated.service.in")
ROOT = os.geteuid() == 0
# The gateway's user: with root a real other one, so that rights on files count.
USER, GROUP = ("nobody", "nogroup") if ROOT else (user_name(), grp.getgrgid(os.getegid()).gr_name)
CLIENT, CLIENT_GROUP = user_name(), grp.getgrgid(os.getegid()).gr_name


# --- the page ------------------------------------------------------------------------------------

def sections(text):
    """{heading without its number: text} of the headings of the second level."""
    parts = re.split(r"^## (?:\d+\. )?(.*)$", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def blocks(text):
    """(kind, argument, text) of each block, in order; kind is None for one that nothing is said of."""
    pattern = r"(?:^<!-- ([a-z ]+)(?:: ([^\n]*))? -->\n)?^```\w*\n(.*?)^```$"
    return [m.groups() for m in re.finditer(pattern, text, re.M | re.S)]


def commands(text):
    """(where, command, [lines that it prints]) of a block; a command that ends in a backslash goes on."""
    found = []
    for line in text.replace("\\\n", "").splitlines():
        if line[:2] in ("# ", "$ "):
            found.append((line[0], re.sub(r"\s+", " ", line[2:]), []))
        else:
            found[-1][2].append(line)
    return found


def top_sections(text):
    """(head, text) of each section of a configuration at its top."""
    for m in re.finditer(r"^(\w+(?: \"[^\"]*\")?) \{(?:[^\n]*\}|\n.*?^\})$\n?", text, re.M | re.S):
        yield m.group(1), m.group(0)


def put_sections(text, new):
    for head, section in top_sections(new):
        old = [s for h, s in top_sections(text) if h == head]
        text = text.replace(old[0], section) if old else text + section
    return text


def alike(shown, got):
    """Whether that is what the guide shows: "..." is anything; alone in a line, any lines."""
    pattern = "".join(r"(?:[^\n]*\n)*" if line == "..." else re.escape(line).replace(r"\.\.\.", "[^\n]*") + "\n"
                      for line in shown)
    return re.fullmatch(pattern, "".join(line + "\n" for line in got)) is not None


# --- following it --------------------------------------------------------------------------------

class Guide:
    def __init__(self, house, page):
        self.house, self.place = house, house.place
        self.page = sections(open(os.path.join(SOURCE, page)).read())
        self.gateway = house.gateway()
        self.gateway.binary = self.at("/usr/sbin/qmpgated")
        self.gateway.config_file = self.at("/etc/qmpgate/qmpgate.conf")
        self.gateway.audit_file = self.at("/var/log/qmpgate/audit.jsonl")
        self.gateway.control = self.at("/run/qmpgate/control.sock")
        self.gateway.write = lambda: None  # the guide's files it is
        self.gateway.pki = Pki(self.at("/root/certs"))
        self.gateway.env["SASL_CONF_PATH"] = self.at("/etc/sasl2")
        self.services = {"qmpgated": self._gateway}
        self.replaced = []  # (pattern, text), of a test's own, before the others
        self.exported = {}
        self.packages = []
        self.stand_ins = {  # that there is a build is why there is a test
            "scripts/install-deps build run": lambda: None,
            "./bootstrap && ./configure --prefix=/usr --sysconfdir=/etc && make && make install": lambda: None,
            "systemd-sysusers && systemctl daemon-reload": lambda: None,
        }
        self._make_machine()

    def at(self, path):
        return self.place + path

    def _make_machine(self):
        os.chmod(self.place, 0o755)  # the gateway's user goes through it
        for path in ("/root", "/etc", "/home", "/usr/sbin", "/run", "/var/log", "/var/lib"):
            os.makedirs(self.at(path))
        shutil.copy(os.path.join(self.house.build, "proxy/qmpgated"), self.at("/usr/sbin"))
        program = os.path.join(self.house.build, "cli/qmpgate")
        self.script("qmpgate", f'exec {program} --server-name gateway.example.com "$@"')  # not this machine's name
        self.script("journalctl", f"cat {self.at('/var/log/journal')}")
        for directory in ("run", "var/lib", "var/log"):  # what systemd does
            self._make_directory_of_the_unit(directory)

    def script(self, name, text):
        with open(self.at("/usr/sbin/" + name), "w") as f:
            f.write(f"#!/bin/sh\n{text}\n")
        os.chmod(f.name, 0o755)

    def _make_directory_of_the_unit(self, parent):
        option = {"run": "Runtime", "var/lib": "State", "var/log": "Logs"}[parent] + "Directory"
        with open(UNIT) as f:
            unit = dict(line.strip().split("=", 1) for line in f if "=" in line and line[0] not in "#[")
        path = os.path.join(self.place, parent, unit[option])
        os.mkdir(path)
        os.chmod(path, int(unit[option + "Mode"], 8))
        os.chown(path, pwd.getpwnam(USER).pw_uid, grp.getgrnam(GROUP).gr_gid)

    # --- what is replaced

    def moved(self, text):
        """Paths and addresses as they are here."""
        text = re.sub(r"(?<![\w./-])/(root|etc|home|run|var)\b", rf"{self.place}/\1", text)
        for pattern, ours in [*self.replaced,
                              (r"0\.0\.0\.0", "127.0.0.1"),
                              (r"\b4434\b", str(self.gateway.port)),
                              (r"qmps://gateway\.example\.com/", f"qmps://localhost:{self.gateway.port}/"),
                              (r"unix:root\b", f"unix:{CLIENT}"),
                              (r"unix-group:vm-operators\b", f"unix-group:{CLIENT_GROUP}")]:
            text = re.sub(pattern, ours, text)
        return text

    def _own_user(self, command):
        command = re.sub(r"(chgrp|install .*-g) qmpgate\b", rf"\1 {GROUP}", command)
        other = f"setpriv --reuid {USER} --regid {GROUP} --clear-groups" if ROOT else "env"
        return re.sub(r"^runuser -u qmpgate -- ", other + " ", command)

    def environment(self, where):
        env = {k: v for k, v in os.environ.items() if not k.startswith("QMPGATE_")}
        env.update(HOME=self.at("/home"), TERM="xterm", NO_COLOR="1",
                   PATH=f"{self.at('/usr/sbin')}:/usr/sbin:/usr/bin:/sbin:/bin", **self.gateway.env)
        return {**env, **(self.exported if where == "$" else {})}

    # --- steps

    def read(self, heading):
        for kind, argument, text in blocks(self.page[heading]):
            if kind == "file":
                self.write(argument, self.moved(text))
            elif kind == "section of":
                with open(self.at(argument)) as f:
                    old = f.read()
                self.write(argument, put_sections(old, self.moved(text)))
            else:
                assert kind in ("run", "refused"), (kind, text)
                self.run(text, (argument or f"typing {PASSWORD}").removeprefix("typing "), kind == "refused")
        return self

    def write(self, path, text):
        if path.endswith("/qmpgate.conf") and ROOT and "\nuser =" not in text:
            text += f'user = "{USER}"\ngroup = "{GROUP}"\n'
        with open(self.at(path), "w") as f:
            f.write(text)

    def run(self, text, typed, refused):
        last = commands(text)[-1]
        for where, command, shown in commands(text):
            if self._stand_in(command):
                continue
            good, got = self._on_terminal(where, self._own_user(self.moved(command)), typed)
            said = "\n".join([f"{where} {command}", *got, "--- the guide shows:", *shown])
            assert alike(shown, got), said
            assert good != (refused and command == last[1]), said

    def _stand_in(self, command):
        """For a step that concerns the whole system: done otherwise, and True."""
        words = shlex.split(command)
        if words[0] == "apt-get":
            self.packages += words[2:]
        elif words[0] == "systemctl":
            self.services[words[-1]](words[1])
        elif words[0] == "export":
            self.exported.update(w.split("=", 1) for w in words[1:])
        elif words[0].startswith("qemu-system"):
            self._start_vm(self.moved(command).rstrip("& "))
        elif command in self.stand_ins:
            self.stand_ins.pop(command)()  # each is to come once
        else:
            return False
        return True

    def _gateway(self, what):
        if what == "reload":
            self.gateway.hang_up()
            assert "reload failed" not in self.gateway.said(), self.gateway.said()
        else:
            self.gateway.stop()
            self.gateway.start()

    def _start_vm(self, command):
        vm = Qemu(self.at("/run/qemu"), "web1")
        vm.process = Process(["/bin/sh", "-c", "exec " + command])
        self.house.vms.append(vm)
        wait.until(lambda: wait.is_listening(vm.socket) or not vm.process.running(), "QEMU's socket")
        assert vm.process.running(), vm.process.text

    def _on_terminal(self, where, command, typed):
        if words := re.match(r"scp root@gateway.example.com:(\S+ \S+)$", command.replace(self.place, "")):
            command = "cp " + re.sub(r"(^| )/", rf"\1{self.place}/", words.group(1))
        with open(self.at("/var/log/journal"), "w") as f:
            f.write(self.gateway.said() + "\n")
        directory = self.at("/home") if where == "$" else SOURCE
        terminal = Terminal(["/bin/bash", "-c", f"cd {directory}; umask 022; {command}"], self.environment(where))
        try:
            answered = 0
            while self._ends_or_asks(terminal, answered, command):
                answered = len(terminal.raw)
                terminal.type(typed + "\n")
            status = terminal.wait()
        finally:
            terminal.close()
        text = terminal.screen.replace("\r", "").replace(self.place, "")
        text = text.replace(f"localhost:{self.gateway.port}", "gateway.example.com")
        text = text.replace("localhost", "gateway.example.com").replace(f"unix:{CLIENT}", "unix:root" if where == "#" else "unix:alice")
        return status == 0, [line.rstrip() for line in text.splitlines() if line.strip()]

    @staticmethod
    def _ends_or_asks(terminal, answered, command):
        """True: it asks."""
        def asks():
            return re.search(PROMPT, terminal.raw[answered:]) is not None
        wait.until(lambda: terminal._read(0) and False or asks() or terminal.child.poll() is not None, command)
        return terminal.child.poll() is None
