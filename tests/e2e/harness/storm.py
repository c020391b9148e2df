"""Fifty clients at once, each command with an argument of its own, so that it can be found again in what the VMs saw
and in the audit log."""

import json
import re
import selectors
import socket
import threading

from . import wait

DEPTH = 3  # commands in flight a client

# the name of an argument's value goes to the VM, the id comes back to the client
PATH = re.compile(rb'"path": ?"(/storm-[^"]*)"')


class _Client:
    def __init__(self, control, vm, name):
        self.name, self.sent, self.answered, self.received = name, 0, [], b""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(wait.TIMEOUT)
        self.sock.connect(control)
        self.sock.sendall(b'{"execute":"qmp_capabilities"}{"execute":"gateway-attach","arguments":{"vm":"%s"}}' % vm.encode())
        while self.received.count(b"\n") < 3:  # greeting, two answers
            data = self.sock.recv(1 << 16)
            assert data, self.received
            self.received += data
        assert b'"error"' not in self.received, self.received
        self.received = b""

    def fill(self):
        while self.sent < len(self.answered) + DEPTH:
            path = f"/storm-{self.name}-{self.sent}"
            self.sock.sendall(json.dumps({"execute": "qom-list", "arguments": {"path": path}, "id": "id:" + path}).encode())
            self.sent += 1

    def take(self):
        """False at the end of the stream."""
        try:
            data = self.sock.recv(1 << 16)
        except OSError:
            data = b""
        *lines, self.received = (self.received + data).split(b"\n")
        self.answered += [json.loads(line) for line in lines if b'"event"' not in line]
        return bool(data)


class Storm:
    """Runs in a thread of its own until the daemon is gone, or stop()."""

    def __init__(self, control, vms, name, clients=50):
        self.clients = [_Client(control, vms[i % len(vms)], f"{name}-{i}") for i in range(clients)]
        self._stopping = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        with selectors.DefaultSelector() as selector:
            for client in self.clients:
                selector.register(client.sock, selectors.EVENT_READ, client)
                try:
                    client.fill()
                except OSError:
                    pass
            while selector.get_map() and not self._stopping:
                for key, _ in selector.select(0.05):
                    try:
                        if key.data.take():
                            key.data.fill()
                            continue
                    except OSError:
                        pass
                    selector.unregister(key.fileobj)

    def n_answered(self):
        return sum(len(client.answered) for client in self.clients)

    def end(self):
        """After the daemon's end: the paths whose commands were answered, by what came of them."""
        self._thread.join(wait.TIMEOUT)
        assert not self._thread.is_alive()
        return self._answers()

    def stop(self):
        self._stopping = True
        return self.end()

    def _answers(self):
        returned, failed = set(), {}
        for client in self.clients:
            for answer in client.answered:
                if "return" in answer:
                    returned.add(answer["id"][3:])
                else:
                    failed[answer.get("id")] = answer["error"]["desc"]
            client.sock.close()
        return returned, failed


def paths_in(lines):
    """Of those commands among the lines (bytes) that a VM got."""
    return {m.group(1).decode() for line in lines if (m := PATH.search(line))}
