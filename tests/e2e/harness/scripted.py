"""A gateway that follows a script: what a client of one makes of all that it may say."""

import json
import select
import socket
import ssl
import threading

from . import wait

VM_GREETING = {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""}, "capabilities": ["oob"]}
GATEWAY_GREETING = {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": "qmpgate 0.1.0"},
                    "capabilities": ["gateway"]}


class Script:
    """What the gateway says; a test changes what it is about."""

    def __init__(self):
        self.first = {"QMP": GATEWAY_GREETING}
        self.returns = {
            "qmp_capabilities": {},
            "gateway-attach": {"QMP": VM_GREETING, "vm": "web1", "uuid": "u"},
            "gateway-info": {"version": "0.1.0", "phase": "ready", "identity": "x509:CN=admin,O=Example", "vm": "web1",
                             "mechanisms": [], "connection": 17},
            "gateway-list-vms": [{"name": "web1", "uuid": "u", "labels": ["a=b", "c=d"], "state": "connected"},
                                 {"name": "x\x1b[2J", "uuid": "v", "labels": [], "state": "unreachable",
                                  "reason": "no socket"}],
            "gateway-sessions": [{"connection": 17, "identity": "unix:root", "peer": "unix", "listener": "local",
                                  "phase": "ready", "since": "2026-01-01T00:00:00.000000Z", "commands": 1,
                                  "refused": 0, "queued": 0}],
            "gateway-session-close": {},
            "gateway-reload": {"ok": True, "config": "f", "policy": "h", "closed": 0, "notes": []},
            "gateway-stats": {"connections": 1},
            "gateway-audit-tail": [{"seq": 1}, {"seq": 2}],
            "query-status": {"status": "running"},
            "query-commands": [{"name": "query-status"}, {"name": "cont"}],
            "query-qmp-schema": [
                {"name": "query-status", "meta-type": "command", "arg-type": "0", "ret-type": "0"},
                {"name": "cont", "meta-type": "command", "arg-type": "1", "ret-type": "0"},
                {"name": "0", "meta-type": "object", "members": []},
                {"name": "1", "meta-type": "object", "members": [{"name": "hurry", "type": "bool"}]},
                {"name": "bool", "meta-type": "builtin", "json-type": "boolean"}],
        }
        self.errors = {}


class Connection:
    """One client. Its thread alone touches the socket, because a TLS socket is not for two of them."""

    def __init__(self, gateway, sock):
        self.gateway, self.sock = gateway, sock
        self.outgoing, self.ending = [], False
        self.wake_read, self.wake_write = socket.socketpair()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def say(self, message):
        self.outgoing.append(json.dumps(message).encode() + b"\r\n")
        self.wake_write.send(b"x")

    def end(self):
        self.ending = True
        self.wake_write.send(b"x")

    def _run(self):
        try:
            if self.gateway.context:
                self.sock = self.gateway.context.wrap_socket(self.sock, server_side=True)
            self.gateway.connections.append(self)
            self.say(self.gateway.script.first)
            self._serve()
        except (OSError, ssl.SSLError):
            pass
        finally:
            self.sock.close()

    def _serve(self):
        received = b""
        while not self.ending:
            pending = self.gateway.context and self.sock.pending()
            ready = [self.sock] if pending else select.select([self.sock, self.wake_read], [], [])[0]
            if self.wake_read in ready:
                self.wake_read.recv(1)
                while self.outgoing:
                    self.sock.sendall(self.outgoing.pop(0))
            if self.sock in ready:
                data = self.sock.recv(1 << 16)
                if not data:
                    return
                *lines, received = (received + data).split(b"\n")
                for line in lines:
                    self._answer(json.loads(line))

    def _answer(self, request):
        self.gateway.requests.append(request)
        script, name, id = self.gateway.script, request["execute"], request["id"]
        if name == "hang":
            return
        if name in script.errors:
            self.say({"error": {"class": "GenericError", "desc": script.errors[name]}, "id": id})
        elif name in script.returns:
            self.say({"return": script.returns[name], "id": id})
        else:
            self.say({"error": {"class": "CommandNotFound", "desc": f"no {name}"}, "id": id})


class ScriptedGateway:
    """On a UNIX socket, or over TLS on a port of its own. Every request that came is kept."""

    def __init__(self, script, path=None, context=None):
        self.script, self.context = script, context
        self.requests = []
        self.connections = []  # those that have shaken hands
        self.accepted = []
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
        else:
            self.listener = socket.socket()
            self.listener.bind(("127.0.0.1", 0))
            self.port = self.listener.getsockname()[1]
        self.listener.listen()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.accepted.append(Connection(self, sock))

    def event(self, name, **data):
        """To the latest client."""
        self.connections[-1].say({"timestamp": {"seconds": 1, "microseconds": 2}, "event": name, "data": data})

    def asked(self):
        return [r["execute"] for r in self.requests]

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(wait.TIMEOUT)
        for connection in self.accepted:
            connection.end()
            connection.thread.join(wait.TIMEOUT)
