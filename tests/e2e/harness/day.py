"""A day of mixed traffic: twelve people, two real QEMUs, refusals, crashes, a rotation, a reload. What the clients saw is
in a ledger of their own, for an auditor to compare the log with."""

import contextlib
import os
import signal
import time
from typing import NamedTuple

from . import gateway, login
from .client import Closed
from .gateway import user_name
from .sasl import Sasldb

SLOW = 0.7  # seconds that the slowest command takes
PASSWORDS = {"frank": "correct horse", "gina": "battery staple", "portal": "of the web"}

POLICY = f"""
grant "team-on-web" {{ to = {{"x509:CN=alice,O=Example", "x509:CN=bob,O=Example"}} role = {{"operator"}} vms = {{"web*"}} }}
grant "dora-on-all" {{ to = {{"x509:CN=dora,O=Example"}} role = {{"operator"}} vms = {{"*"}} }}
grant "guests"      {{ to = {{"x509:CN=carol,O=Example", "x509:CN=erik,O=Example", "sasl:*@example.com"}}
                       role = {{"viewer"}} vms = {{"web*"}} }}
grant "tenant"      {{ to = {{"sasl:hugo@tenants.example"}} role = {{"viewer"}} vms = {{"web*"}} }}
grant "house"       {{ to = {{"unix:{user_name()}"}} role = {{"viewer"}} vms = {{"*"}} }}
delegate "portal"   {{ from = {{"sasl:portal@example.com"}} to = {{"sasl:*@tenants.example"}} }}
grant "rotation"    {{ to = {{"x509:CN=admin,O=Example"}} admin = {{"audit-rotate"}} }}
"""
DENIED = 'deny    = {"quit"}', 'deny    = {"quit", "stop"}'  # the operators, before the reload and after it
assert DENIED[0] in gateway.POLICY


class Entry(NamedTuple):
    """One command as its client saw it: verdict is ok, error, denied or unknown (no answer came)."""
    identity: str
    vm: str
    command: str
    verdict: str
    acting_for: str = None


class Day:
    def __init__(self, house):
        self.house = house
        self.pki = house.pki.copy(os.path.join(house.place, "pki"))
        for name in ("alice", "bob", "carol", "dora", "erik"):
            self.pki.issue(name, name)
        self.ledger = []
        self.failed_logins = []  # the names that were claimed
        self.log = os.path.join(house.place, "log")
        os.mkdir(self.log)
        self.web = house.qemu("web1")
        self.db = house.qemu("db1", uuid="22222222-2222-3333-4444-555555555555")

    def make_gateway(self, **audit):
        gateway = self.house.gateway(self.web, self.db, pki=self.pki)
        gateway.audit_file = gateway.audit["path"] = os.path.join(self.log, "audit.jsonl")
        gateway.audit.update(audit)
        gateway.policy += POLICY
        gateway.add_control()
        gateway.listeners["public"].update({"client_cert": "optional", "sasl": ["SCRAM-SHA-256", "PLAIN"]})
        gateway.limits["login_delay_milliseconds"] = 100
        self.db_of_names = Sasldb(self.house.place, **PASSWORDS)
        gateway.extra += f'sasl {{ realm = "example.com" db = "{self.db_of_names.path}" }}\n'
        self.gateway = gateway
        return gateway

    # --- people

    @contextlib.contextmanager
    def by_certificate(self, name, vm):
        with self.gateway.client(vm, name) as client:
            client.who, client.vm, client.acting_for = self.pki.identity(name), vm, None
            yield client

    @contextlib.contextmanager
    def by_password(self, name, vm, acting_for=None):
        with self.gateway.connect(None, None).ready() as client:
            login.scram(client, name, PASSWORDS[name])
            if acting_for:
                client.result("gateway-act-as", identity=acting_for)
            client.result("gateway-attach", vm=vm)
            client.who, client.vm, client.acting_for = f"sasl:{name}@example.com", vm, acting_for
            yield client

    @contextlib.contextmanager
    def by_socket(self, vm):
        with self.gateway.local().ready() as client:
            client.result("gateway-attach", vm=vm)
            client.who, client.vm, client.acting_for = "unix:" + user_name(), vm, None
            yield client

    def note(self, client, command, verdict):
        self.ledger.append(Entry(client.who, client.vm, command, verdict, client.acting_for))

    def runs(self, client, command, arguments=None):
        reply = client.call(command, arguments)
        if "return" in reply:
            verdict = "ok"
        else:
            verdict = "denied" if "permission denied" in reply["error"]["desc"] else "error"
        self.note(client, command, verdict)
        return verdict

    def works(self, client, *commands):
        for command in commands:
            self.runs(client, command, {"path": "/"} if command == "qom-list" else
                      {"id": "nothing"} if command == "device_del" else None)

    def fails_to_log_in(self, name, password):
        with self.gateway.connect(None, None).ready() as client:
            with contextlib.suppress(login.Refused):
                login.plain(client, name, password)
                raise AssertionError(f"{name} got in with {password}")
        self.failed_logins.append(f"{name}@example.com")

    # --- the day

    def morning(self):
        with self.by_certificate("alice", "web1") as alice, self.by_certificate("carol", "web1") as carol:
            self.works(alice, "query-status", "stop", "qom-list", "quit", "cont")
            self.works(carol, "query-version", "stop", "query-block")
        with self.by_certificate("dora", "db1") as dora:
            self.works(dora, "query-status", "stop", "cont", "device_del")
        with self.by_certificate("admin", "db1") as admin:
            self.works(admin, "query-name", "device_del")
        with self.by_password("frank", "web1") as frank:
            self.works(frank, "query-kvm", "query-name", "object-add")
        with self.by_password("portal", "web1", "sasl:hugo@tenants.example") as portal:
            self.works(portal, "query-status", "quit", "query-uuid")
        with self.by_socket("db1") as local:
            self.works(local, "query-name", "stop")
        for password in ("wrong", "wronger", "of alice"):
            self.fails_to_log_in("gina", password)
        self.fails_to_log_in("nobody", "at all")

    def slow_hour(self):
        """carol's command waits for a VM that does not move."""
        with self.by_certificate("carol", "web1") as carol:
            self.web.freeze()
            asked = carol.request("query-cpus-fast")
            time.sleep(SLOW)
            self.web.thaw()
            assert "return" in carol.reply(asked)
            self.note(carol, "query-cpus-fast", "ok")

    def vm_crashes(self):
        """db1 dies with dora's command in flight."""
        with self.by_certificate("dora", "db1") as dora:
            self.db.freeze()
            dora.request("query-target")
            self.gateway.wait_record(type="intent", command="query-target", vm="db1")
            self.db.kill()
            assert any("error" in m for m in dora.drain())
            self.note(dora, "query-target", "unknown")
        self.db.start()

    def rotates(self):
        with self.by_certificate("admin", "web1") as admin:
            admin.result("gateway-audit-rotate")
            self.note(admin, "gateway-audit-rotate", "ok")

    def reloads(self):
        """The operators may no longer stop anything."""
        with self.by_certificate("bob", "web1") as bob:
            self.works(bob, "stop", "cont")
            self.gateway.policy = self.gateway.policy.replace(*DENIED)
            self.gateway.reload()
            self.works(bob, "stop", "query-status")

    def gateway_crashes(self):
        """It is killed with alice's command in flight."""
        with self.by_certificate("alice", "web1") as alice:
            self.web.freeze()
            alice.request("query-uuid")
            self.gateway.wait_record(type="intent", command="query-uuid", vm="web1")
            self.gateway.process.signal(signal.SIGKILL)
            self.gateway.process.wait()
            self.gateway.notify.close()
            with contextlib.suppress(Closed, OSError):
                alice.read()
                raise AssertionError("an answer came")
            self.note(alice, "query-uuid", "unknown")
        self.web.thaw()
        self.gateway.start()

    def evening(self):
        with self.by_certificate("erik", "web1") as erik, self.by_certificate("admin", "web1") as admin:
            self.works(erik, "query-status", "system_powerdown")
            number = erik.result("gateway-info")["connection"]
            admin.result("gateway-session-close", connection=number)
            erik.drain()
        with self.by_certificate("viewer", "web1") as viewer, self.by_certificate("operator", "web1") as operator:
            self.works(viewer, "query-status", "cont")
            self.works(operator, "query-status", "cont", "stop")

    def live(self):
        self.gateway.start()
        self.morning()
        self.slow_hour()
        self.rotates()
        self.vm_crashes()
        self.reloads()
        self.rotates()
        self.gateway_crashes()
        self.evening()
        self.gateway.stop()
        return self
