"""sd_notify(3) and socket activation."""

import os
import signal
import socket

from harness import wait
from harness.gateway import free_port


def test_ready_comes_when_it_serves(gateway):
    """start() waited for READY=1: a connection works at once."""
    assert gateway.client("web1").result("query-name") == {"name": "web1"}


def test_a_status_line_is_given(gateway):
    gateway.notify.wait("STATUS=", gateway.process)


def test_a_reload_is_announced(gateway):
    gateway.notify.forget()
    gateway.process.signal(signal.SIGHUP)
    gateway.notify.wait("RELOADING=1", gateway.process)
    stamp = gateway.notify.wait("MONOTONIC_USEC=", gateway.process)
    assert int(stamp.split("=")[1]) > 0
    gateway.notify.wait("READY=1", gateway.process)


def test_stopping_is_announced(gateway):
    gateway.process.signal(signal.SIGTERM)
    gateway.notify.wait("STOPPING=1", gateway.process)
    assert gateway.process.wait() == 0


def test_the_watchdog_is_fed(house, qemu):
    gateway = house.gateway(qemu)
    gateway.env["WATCHDOG_USEC"] = "400000"
    gateway.start()
    gateway.notify.wait("WATCHDOG=1", gateway.process, count=4)


def test_without_a_watchdog_there_is_no_noise(gateway):
    gateway.client("web1").result("query-name")
    assert not any("WATCHDOG" in m for m in gateway.notify.messages)


class Activated:
    """What systemd does for a socket unit: listening sockets from descriptor 3 on, named by FileDescriptorName=."""

    def __init__(self, gateway, **sockets):
        self.sockets = sockets
        names = ":".join(sockets)
        numbers = [s.fileno() for s in sockets.values()]

        def give():
            saved = [os.dup2(n, 100 + i) for i, n in enumerate(numbers)]
            for i, n in enumerate(saved):
                os.dup2(n, 3 + i, True)
                os.close(n)

        gateway.pass_fds = tuple(3 + i for i in range(len(numbers))) + tuple(numbers)
        gateway.preexec = give
        gateway.env.update(LISTEN_FDS=str(len(numbers)), LISTEN_FDNAMES=names)
        # LISTEN_PID is known in the child only: a shell puts it there and becomes the daemon
        argv = gateway.argv()
        gateway.argv = lambda: ["/bin/sh", "-c", 'LISTEN_PID=$$; export LISTEN_PID; exec "$@"', "sh", *argv]

    def close(self):
        for s in self.sockets.values():
            s.close()


def test_a_socket_is_taken_from_the_service_manager(house, qemu):
    gateway = house.gateway(qemu)
    server = socket.create_server(("127.0.0.1", gateway.port), backlog=16)
    early = socket.create_connection(("127.0.0.1", gateway.port), timeout=wait.TIMEOUT)  # waits for the daemon
    activated = Activated(gateway, public=server)
    gateway.start()
    activated.close()
    assert gateway.client("web1").result("query-name") == {"name": "web1"}
    early.close()


def test_a_unix_socket_too(house, qemu):
    from harness.gateway import user_name
    gateway = house.gateway(qemu).add_control()
    gateway.policy += f'grant "local" {{ to = {{"unix:{user_name()}"}} role = {{"viewer"}} vms = {{"*"}} }}\n'
    server = socket.socket(socket.AF_UNIX)
    server.bind(gateway.control)
    server.listen()
    activated = Activated(gateway, local=server)
    gateway.start()
    activated.close()
    client = gateway.local().ready()
    client.result("gateway-attach", vm="web1")
    assert client.result("query-name") == {"name": "web1"}


def test_a_socket_that_no_listener_wants_is_an_error(house, qemu):
    gateway = house.gateway(qemu)
    server = socket.create_server(("127.0.0.1", free_port()))
    activated = Activated(gateway, stranger=server)
    status, text = gateway.run_to_end()
    activated.close()
    assert status != 0 and "stranger" in text
