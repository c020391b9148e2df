"""A monitor that a test speaks for: it starts up by itself (but for what has None in start_up), and answers what comes
then only when it is told to."""

import json
import os
import socket
import threading

from . import wait

GREETING = {"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""}, "capabilities": ["oob"]}}
COMMANDS = ("query-status", "query-name", "query-block", "stop", "cont", "quit", "query-commands", "query-qmp-schema",
            "migrate-pause")
SCHEMA = [{"name": "0", "meta-type": "object", "members": []}] + [
    {"name": name, "meta-type": "command", "arg-type": "0", "ret-type": "0"} for name in COMMANDS] + [
    {"name": "STOP", "meta-type": "event", "arg-type": "0"}]


class ScriptedVm:
    """One client at a time, as QEMU's. A connection that the test drops may be followed by another."""

    def __init__(self, directory, name="web1"):
        self.name = name
        self.socket = os.path.join(directory, name + ".qmp")
        self.greeting = dict(GREETING)
        self.to_others = [], []  # what it answers to the client before, ahead of its greeting and behind it
        self.start_up = {"qmp_capabilities": {}, "query-uuid": {"UUID": "00000000-0000-0000-0000-000000000000"},
                         "query-qmp-schema": SCHEMA}
        self.requests = []  # after the start, of all connections
        self.sock = None    # of the present connection
        self.connections = 0
        self.stays = None   # an event: a connection whose input has ended stays until then

    def start(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.socket)
        self.listener.listen()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()
        return self

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.sock = sock
            try:
                self._serve(sock)
            except OSError:
                pass
            sock.close()

    def _serve(self, sock):
        before, behind = self.to_others
        self.say(*before, self.greeting, *behind)
        left = set(self.start_up)
        for line in sock.makefile("rb"):
            request = json.loads(line)
            name = request.get("execute")
            if name in left:
                left.remove(name)
                if self.start_up[name] is not None:
                    self.answer(request, self.start_up[name])
                    continue
            self.requests.append(request)
        if self.stays:
            self.stays.wait()

    def say(self, *messages):
        self.sock.sendall(b"".join(json.dumps(m).encode() + b"\r\n" for m in messages))

    def answer(self, request, value={}):
        """The value: what json makes text of, or the text itself as bytes."""
        if isinstance(value, bytes):
            self.sock.sendall(b'{"return": %s%s}\r\n' % (value, b', "id": %d' % request["id"] if "id" in request else b""))
        else:
            self.say({"return": value, **{k: request[k] for k in ("id",) if k in request}})

    def wait(self, count):
        """Waits until so many requests have come."""
        wait.until(lambda: len(self.requests) >= count, f"{count} requests, of which came {self.requests}")
        return self.requests

    def drop(self):
        """Ends the connection, as a QEMU that dies; the next one is served."""
        self.sock.shutdown(socket.SHUT_RDWR)

    def go_deaf(self):
        """Takes nothing any more, and keeps its own side open."""
        self.stays = threading.Event()
        self.sock.shutdown(socket.SHUT_RD)

    def stop(self):
        if self.stays:
            self.stays.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        if self.sock:
            try:
                self.drop()
            except OSError:
                pass
        self.thread.join(wait.TIMEOUT)
        self.listener.close()
        if os.path.exists(self.socket):
            os.unlink(self.socket)
