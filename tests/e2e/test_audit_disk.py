"""A log that cannot be written, for every reason there is: nothing reaches a VM, what takes rights away works, and
service resumes by itself."""

import os
import resource
import shutil
import signal

import pytest

from harness import audit, wait
from harness.faults import Faults
from harness.gateway import free_port


def log_on(house, directory, *vms, **options):
    gateway = house.gateway(*vms, audit_file=directory + "/audit.jsonl")
    gateway.audit.update({"path": gateway.audit_file, **options})
    return gateway


def refused(client, *words, command="stop"):
    """Refused with a word about why, and about the log."""
    said = client.error(command)
    assert "the audit log cannot be written, so the command was not run" in said["desc"], said
    for word in words:
        assert word in said["desc"], said


def use_up(client):
    """Runs commands until the room is used up that was set aside ahead."""
    for _ in range(200):
        client.send(*[{"execute": "query-name", "id": "x" * 100}] * 100)
        if "error" in [client.reply() for _ in range(100)][-1]:
            return
    pytest.fail("the disk does not become full")


def audit_stats(admin):
    return admin.result("gateway-stats")["audit"]


def check_fails_closed(gateway, qemu, client, begin, end, *words):
    """`begin` breaks the log, `end` mends it."""
    client.result("query-name")
    begin()
    for _ in range(5):
        refused(client, *words)
    assert "stop" not in qemu.commands(), "reached the VM"
    gateway.wait_log("commands are refused: ")
    assert gateway.said().count("commands are refused: ") == 1, "one line, and not one a command"
    end()
    wait.until(lambda: "return" in client.call("stop"), "service to resume by itself")
    assert qemu.commands().count("stop") == 1
    wait.until(lambda: not audit_stats(client)["failing"], "the figures to say so")
    assert gateway.wait_log("the audit log can be written again")
    audit.verify(*audit.files(gateway.audit_file))


# --- a full disk ----------------------------------------------------------------------------------

def test_a_full_disk(disks, house, qemu):
    disk = disks()
    gateway = log_on(house, disk.path, qemu).start()
    client = gateway.client("web1")

    def begin():
        disk.fill()
        use_up(client)
    check_fails_closed(gateway, qemu, client, begin, disk.make_room, "No space left on device", "kept for administration")


def test_a_full_disk_without_a_reserve(disks, house, qemu):
    disk = disks()
    gateway = log_on(house, disk.path, qemu, reserve_kilobytes=0).start()
    client = gateway.client("web1")
    disk.fill()
    use_up(client)
    refused(client, "No space left on device")
    assert "stop" not in qemu.commands()
    disk.make_room()
    wait.until(lambda: "return" in client.call("stop"), "service to resume by itself")


@pytest.mark.parametrize("sync", ["write", "data"])
def test_a_full_disk_has_room_for_administration(disks, house, qemu, sync):
    disk = disks()
    gateway = log_on(house, disk.path, qemu, reserve_kilobytes=64, sync=sync).start()
    admin, victim = gateway.connect().ready(), gateway.client("web1", "viewer")
    session = next(s for s in admin.result("gateway-sessions") if "viewer" in s["identity"])
    disk.fill()
    use_up(victim)
    admin.result("gateway-session-close", connection=session["connection"])
    victim.drain()
    intent = gateway.wait_record(type="intent", command="gateway-session-close")
    assert gateway.wait_record(type="outcome", request=intent["request"])["result"] == "ok"
    assert gateway.wait_record(type="session-close", connection=session["connection"])
    stats = audit_stats(admin)
    assert stats["failing"] and stats["reserve-short"] and 0 < stats["reserve-bytes"]
    audit.verify(*audit.files(gateway.audit_file))
    disk.make_room()
    wait.until(lambda: "return" in gateway.client("web1").call("query-name"), "service to resume by itself")
    unrecorded = gateway.wait_record(type="unrecorded")
    assert unrecorded["intents"] >= 1


def test_when_the_reserve_is_used_up_rights_are_taken_away_all_the_same(disks, house, qemu):
    disk = disks()
    gateway = log_on(house, disk.path, qemu, reserve_kilobytes=16).start()
    admin, victim = gateway.connect().ready(), gateway.client("web1", "viewer")
    session = next(s for s in admin.result("gateway-sessions") if "viewer" in s["identity"])
    disk.fill()
    for _ in range(8000):  # a mebibyte is set aside at once, beyond the 16 KiB
        if "error" in admin.call("gateway-sessions"):
            break
    refused(admin, "No space left on device", command="gateway-sessions")
    admin.result("gateway-session-close", connection=session["connection"])
    victim.drain()
    disk.make_room()
    wait.until(lambda: "return" in admin.call("gateway-sessions"), "service to resume by itself")
    assert admin.result("gateway-stats")["counters"]["unrecorded"] == 1


# --- other ends of a disk -------------------------------------------------------------------------

def test_a_file_system_that_becomes_read_only(disks, house, qemu):
    disk = disks(kind="tmpfs", megabytes=4)
    # without the daemon's own files open for writing, a tmpfs can be made read-only: so by force of the kernel
    faults = Faults(house.build, house.place, disk.path)
    gateway = log_on(house, disk.path, qemu)
    gateway.env.update(faults.env)
    gateway.start()
    check_fails_closed(gateway, qemu, gateway.client("web1"), lambda: faults.begin("write", "EROFS"),
                       lambda: faults.end("write"), "Read-only file system")


def test_a_file_system_that_an_error_made_read_only(disks, house, qemu):
    """For good: what mends it is a check, a mount, and a start."""
    disk = disks(options="errors=remount-ro")
    gateway = log_on(house, disk.path, qemu).start()
    client = gateway.client("web1")
    client.result("query-name")
    disk.fail()
    for _ in range(3):
        refused(client, "Read-only file system")
    assert "stop" not in qemu.commands()
    gateway.check_audit = False
    gateway.stop()
    disk.unmount()
    disk.mount()
    gateway.check_audit = True
    gateway.start()
    gateway.client("web1").result("stop")
    assert qemu.commands().count("stop") == 1


def test_a_disk_that_the_kernel_gave_up(disks, house, qemu):
    """ext4 goes read-only, as it does after an error (errors=remount-ro)."""
    disk = disks()
    gateway = log_on(house, disk.path, qemu).start()
    client = gateway.client("web1")
    client.result("query-name")
    disk.give_up()
    refused(client)
    assert "stop" not in qemu.commands()
    gateway.check_audit = False
    disk.unmount()


@pytest.mark.parametrize("function, error, words", [
    ("write", "EIO", "Input/output error"),
    ("write", "EDQUOT", "Disk quota exceeded"),
    ("write", "ENOSPC", "No space left on device"),
    ("write", "EIO 40", "Input/output error"),  # torn: 40 bytes are written, and cut off again
])
def test_writes_that_fail(house, qemu, place, function, error, words):
    directory = os.path.join(place, "log")
    os.mkdir(directory)
    faults = Faults(house.build, place, directory)
    gateway = log_on(house, directory, qemu)
    gateway.env.update(faults.env)
    gateway.start()
    check_fails_closed(gateway, qemu, gateway.client("web1"), lambda: faults.begin(function, error),
                       lambda: faults.end(function), words if " " not in error else "")


@pytest.mark.parametrize("sync", ["write", "data"])
def test_syncs_that_fail(house, qemu, place, sync):
    directory = os.path.join(place, "log")
    os.mkdir(directory)
    faults = Faults(house.build, place, directory)
    gateway = log_on(house, directory, qemu, sync=sync)
    gateway.env.update(faults.env)
    gateway.start()
    client = gateway.client("web1")

    def begin():
        faults.begin("fdatasync", "EIO")
        wait.until(lambda: "error" in client.call("query-name"), "a sync to fail")
    check_fails_closed(gateway, qemu, client, begin, lambda: faults.end("fdatasync"), "")


def sync_that_is_held_up(house, place, *vms):
    directory = os.path.join(place, "log")
    os.mkdir(directory)
    faults = Faults(house.build, place, directory)
    gateway = log_on(house, directory, *vms, sync="data")
    gateway.env.update(faults.env)
    return gateway.start(), faults


def test_what_ran_though_its_sync_failed_is_not_recorded_as_cancelled(house, qemu, place):
    gateway, faults = sync_that_is_held_up(house, place, qemu)
    admin, victim = gateway.connect().ready(), gateway.client("web1", "viewer")
    number = victim.result("gateway-info")["connection"]
    faults.begin("fdatasync", "EIO")
    assert admin.result("gateway-session-close", connection=number) == {"closed": 1}
    victim.drain()
    faults.end("fdatasync")
    wait.until(lambda: "return" in admin.call("gateway-sessions"), "service to resume")
    intent = gateway.wait_record(type="intent", command="gateway-session-close")
    assert [o["result"] for o in gateway.records(type="outcome", request=intent["request"])] == ["ok"]
    assert admin.result("gateway-stats")["counters"]["unrecorded"] == 1


def test_who_was_dismissed_while_a_sync_took_its_time_closes_nobody(house, qemu, place):
    gateway, faults = sync_that_is_held_up(house, place, qemu)
    gateway.listeners["other"] = {**gateway.listeners["public"], "port": free_port()}
    gateway.reload()
    admin = gateway.connect(port=gateway.listeners["other"]["port"]).ready()
    victim = gateway.client("web1", "viewer")
    number = victim.result("gateway-info")["connection"]
    faults.begin("hold", "EAGAIN")
    admin.request("gateway-session-close", connection=number)
    intent = gateway.wait_record(type="intent", command="gateway-session-close")
    del gateway.listeners["other"]
    gateway.reload()
    admin.event("GATEWAY_CLOSED")
    faults.begin("fdatasync", "EIO")
    faults.end("hold")
    outcome = gateway.wait_record(type="outcome", request=intent["request"])
    faults.end("fdatasync")
    assert outcome["result"] != "ok"
    wait.until(lambda: "return" in victim.call("query-name"), "the victim's commands to run")


def test_a_quota(disks, house, qemu):
    disk = disks(kind="btrfs")
    volume = disk.make_volume("log")
    gateway = log_on(house, volume, qemu).start()
    client = gateway.client("web1")

    def begin():
        disk.set_quota(volume, 2 << 20)
        use_up(client)
    check_fails_closed(gateway, qemu, client, begin, lambda: disk.set_quota(volume, "none"), "Disk quota exceeded")


def test_a_quota_that_preallocation_meets_first(disks, house, qemu):
    disk = disks()
    faults = Faults(house.build, house.place, disk.path)
    gateway = log_on(house, disk.path, qemu, reserve_kilobytes=2048)
    gateway.env.update(faults.env)
    gateway.start()
    client = gateway.client("web1")

    def begin():
        faults.begin("fallocate", "EDQUOT")
        faults.begin("write", "EDQUOT")
    check_fails_closed(gateway, qemu, client, begin, lambda: (faults.end("fallocate"), faults.end("write")),
                       "Disk quota exceeded")


def test_a_limit_of_file_size(house, qemu, place):
    gateway = log_on(house, place, qemu)
    gateway.preexec = lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    gateway.start()
    soft, hard = resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE)

    def begin():
        resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (os.path.getsize(gateway.audit_file) + 10, hard))
    check_fails_closed(gateway, qemu, gateway.client("web1"), begin,
                       lambda: resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (soft, hard)), "File too large")


# --- names ----------------------------------------------------------------------------------------

def test_a_directory_that_was_removed(house, qemu, place):
    directory = os.path.join(place, "log")
    os.mkdir(directory)
    gateway = log_on(house, directory, qemu).start()
    client = gateway.client("web1")
    client.result("query-name")
    shutil.rmtree(directory)
    refused(client)
    for _ in range(3):
        refused(client, "No such file or directory")
    assert "stop" not in qemu.commands()
    os.mkdir(directory)
    assert client.result("stop") == {}
    first = gateway.records()[0]
    assert (first["type"], first["reason"]) == ("segment", "removed")


def test_descriptors_that_ran_out_do_not_stop_a_log_that_is_open(house, qemu, place):
    """EMFILE: what is open stays open. A log that must be opened anew is refused until it can be."""
    gateway = log_on(house, place, qemu, sync="none").start()
    client = gateway.client("web1")
    client.result("query-name")
    soft, hard = resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (3, hard))
    client.result("query-status")
    os.rename(gateway.audit_file, gateway.audit_file + ".old")
    wait.until(lambda: client.call("query-status") and "Too many open files" in gateway.said(), "the rotation to fail")
    assert client.result("query-uuid")  # into the old file: nothing is lost
    os.unlink(gateway.audit_file + ".old")
    refused(client, "the file was removed")
    refused(client, "Too many open files")
    assert "stop" not in qemu.commands()
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (soft, hard))
    assert client.result("stop") == {}
    gateway.check_audit = False  # what was in the file that was removed is missing


def test_a_segment_that_cannot_be_made(house, qemu, place):
    """The chain goes on in the old one: nothing is lost, nothing is refused."""
    directory = os.path.join(place, "log")
    os.mkdir(directory)
    faults = Faults(house.build, place, directory)
    gateway = log_on(house, directory, qemu, segment_megabytes=1)
    gateway.env.update(faults.env)
    gateway.start()
    client = gateway.client("web1")
    faults.begin("open", "EMFILE")
    while os.path.getsize(gateway.audit_file) < 1 << 20:
        client.send(*[{"execute": "query-name", "id": "x" * 100}] * 200)
        for _ in range(200):
            assert "return" in client.reply()
    gateway.wait_log("could not be closed")
    assert client.result("query-name")
    stats = audit_stats(client)
    assert stats["rotation-failures"] >= 1 and not stats["failing"]
    faults.end("open")
    wait.until(lambda: len(audit.files(gateway.audit_file)) == 2 or (client.call("query-name") and None), "the segment to be closed")
    assert client.result("query-name")
    audit.verify(*audit.files(gateway.audit_file))


# --- and then ---------------------------------------------------------------------------------------

def failing_gateway(house, place, *vms, **options):
    directory = os.path.join(place, "log")
    os.mkdir(directory)
    faults = Faults(house.build, place, directory)
    gateway = log_on(house, directory, *vms, **options)
    gateway.env.update(faults.env)
    gateway.start()
    return gateway, faults


def test_a_log_that_goes_on_failing_ends_the_gateway_where_that_is_asked_for(house, qemu, place):
    gateway, faults = failing_gateway(house, place, qemu, on_failure="drain", on_failure_seconds=1)
    client = gateway.client("web1")
    faults.begin("write", "EIO")
    refused(client, "Input/output error")
    assert gateway.process.wait() == 74
    client.drain()
    assert "the audit log has failed for 1 s" in gateway.said() or "the audit log has failed for 2 s" in gateway.said()
    assert "stop" not in qemu.commands()
    gateway.status = 74


def test_a_log_that_works_again_in_time_ends_nothing(house, qemu, place):
    gateway, faults = failing_gateway(house, place, qemu, on_failure="drain", on_failure_seconds=2, sync="data")
    client = gateway.client("web1")
    for function in ("write", "fdatasync"):
        faults.begin(function, "EIO")
        wait.until(lambda: "error" in client.call("query-name"), "the log to fail")
        faults.end(function)
        wait.until(lambda: not audit_stats(client)["failing"], "the log to work")
    before = client.result("gateway-stats")["uptime-seconds"]
    wait.until(lambda: client.result("gateway-stats")["uptime-seconds"] >= before + 4, "time to pass")
    assert client.result("stop") == {}
