"""A QMP client that uses nothing but ssl, socket and json: what any program can do."""

import json
import socket
import ssl
import time

from . import wait
from .pki import VM_DOMAIN


class Closed(Exception):
    """The other side ended the connection."""


class Silent(Exception):
    """The other side says nothing and stays. No OSError: to be turned away is something else."""


class Client:
    """Messages over a socket that is connected already. Events are kept aside while a reply is waited for."""

    def __init__(self, sock, timeout=None):
        self.sock = sock
        self.sock.settimeout(timeout or wait.TIMEOUT)
        self.received = b""   # not yet taken
        self.events = []
        self.greeting = None
        self._id = 0

    # --- bytes

    def raw(self, data):
        self.sock.sendall(data)

    def send(self, *messages):
        self.raw(b"".join(json.dumps(m).encode() for m in messages))

    def read_line(self):
        """The next line as bytes, with its end."""
        while b"\n" not in self.received:
            try:
                data = self.sock.recv(1 << 16)
            except TimeoutError as e:
                raise Silent(f"nothing in {self.sock.gettimeout()} s, with {self.received!r} left over") from e
            except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as e:
                raise Closed(str(e)) from e
            except ssl.SSLError as e:
                raise Closed(f"TLS: {e.reason}") from e
            if not data:
                raise Closed(f"end of stream, with {self.received!r} left over")
            self.received += data
        line, self.received = self.received.split(b"\n", 1)
        return line + b"\n"

    # --- messages

    def read(self):
        """The next message, whatever it is."""
        return json.loads(self.read_line())

    def reply(self, want=None):
        """The next reply; if `want` is given it must carry that id."""
        deadline = time.monotonic() + wait.TIMEOUT  # events may come for ever
        while True:
            message = self.read()
            if "event" in message:
                self.events.append(message)
                assert time.monotonic() < deadline, f"only events in {wait.TIMEOUT} s"
                continue
            if want is not None:
                assert message.get("id") == want, message
            return message

    def event(self, name):
        """The next event of that name."""
        deadline = time.monotonic() + wait.TIMEOUT
        while True:
            assert time.monotonic() < deadline, f"no {name} in {wait.TIMEOUT} s"
            for i, e in enumerate(self.events):
                if e["event"] == name:
                    return self.events.pop(i)
            message = self.read()
            assert "event" in message, message
            self.events.append(message)

    def request(self, command, arguments=None, oob=False, **members):
        """Sends a command with an id and gives the id. Arguments are an object, or named if their names allow."""
        self._id += 1
        message = {"exec-oob" if oob else "execute": command, "id": self._id}
        if arguments or members:
            message["arguments"] = {**(arguments or {}), **members}
        self.send(message)
        return self._id

    def call(self, command, arguments=None, oob=False, **members):
        """Runs a command and gives the whole reply."""
        return self.reply(self.request(command, arguments, oob, **members))

    def result(self, command, arguments=None, oob=False, **members):
        """Runs a command that must succeed and gives what it returned."""
        reply = self.call(command, arguments, oob, **members)
        assert "return" in reply, reply
        return reply["return"]

    def error(self, command, arguments=None, oob=False, **members):
        """Runs a command that must fail and gives its error."""
        reply = self.call(command, arguments, oob, **members)
        assert "error" in reply, reply
        return reply["error"]

    # --- the beginning and the end

    def greet(self):
        self.greeting = self.read()
        assert "QMP" in self.greeting, self.greeting
        return self

    def negotiate(self, *enable):
        if enable:
            self.result("qmp_capabilities", enable=list(enable))
        else:
            self.result("qmp_capabilities")
        return self

    def ready(self, *enable):
        """Greeting and negotiation."""
        return self.greet().negotiate(*enable)

    def drain(self):
        """Reads to the end of the stream; what came."""
        messages = []
        try:
            while True:
                messages.append(self.read())
        except Closed:
            return messages

    def sync(self):
        """Everything before this was handled."""
        return self.call("gateway-info")

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def tls_context(pki, cert="admin", ca="ca", versions=None):
    """What a careful client does: it verifies the server, and shows a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(pki.path(ca + ".crt"))
    if cert:
        context.load_cert_chain(*pki.pair(cert))
    if versions:
        context.minimum_version, context.maximum_version = versions
    return context


def tls_connect(port, context, vm=None, server_name=None, session=None, host="127.0.0.1", source=None, first=()):
    """A TLS connection; the VM is picked by the server name. Without one none is sent. `first` goes before TLS begins,
    in these pieces."""
    name = server_name or (f"{vm}.{VM_DOMAIN}" if vm else host)
    plain = socket.create_connection((host, port), timeout=wait.TIMEOUT, source_address=source)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in [first] if isinstance(first, bytes) else first:
            plain.sendall(piece)
        return context.wrap_socket(plain, server_hostname=name, session=session)
    except TimeoutError as e:
        plain.close()
        raise Silent("the TLS handshake does not go on") from e
    except BaseException:
        plain.close()
        raise


def unix_connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(wait.TIMEOUT)
    s.connect(path)
    return Client(s)
