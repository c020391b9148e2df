"""The policy for a tenant's operators, as it is shipped, on a real QEMU: what they may do works, and each way around it
that we know of is refused before QEMU hears of it. docs/threat-model.md has the same ways in words."""

import os

import pytest

from harness import expect, wait

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
MIB = 1 << 20


class Tenant:
    def __init__(self, house):
        self.srv = os.path.join(house.place, "srv")
        self.own = os.path.join(self.srv, "acme")
        for name in ("acme/snapshots", "acme/disks", "globex"):
            os.makedirs(os.path.join(self.srv, name))
        for name in ("acme/base", "acme/disks/more", "globex/secret"):
            with open(os.path.join(self.srv, name), "wb") as f:
                f.truncate(MIB)
        with open(os.path.join(SOURCE, "conf/examples/policy-tenant.conf")) as f:
            policy = f.read()
        policy = policy.replace("/srv/", self.srv + "/").replace("sasl:*@acme.example.com", "x509:CN=operator,O=Example")
        self.qemu = house.qemu(machine=(
            "-machine", "pc,accel=tcg", "-S", "-m", "64",
            "-blockdev", f"driver=file,filename={self.own}/base,node-name=file0", "-blockdev", "raw,file=file0,node-name=d0",
            "-device", "virtio-blk-pci,drive=d0,id=disk0", "-netdev", "hubport,id=n0,hubid=0"))
        self.gateway = house.gateway(policy=policy)
        self.gateway.add_vm(self.qemu, labels=["tenant=acme"])
        self.gateway.start()
        self.client = self.gateway.client("web1", "operator")

    def path(self, name):
        return os.path.join(self.srv, name)

    def disk(self, filename, **more):
        return {"driver": "raw", "node-name": "hot-1", "file": {"driver": "file", "filename": filename}, **more}

    def refused(self, command, arguments):
        """By the gateway, and QEMU never heard of it."""
        before = self.qemu.commands()
        text = expect.denied(self.client.call(command, arguments), command)
        assert self.client.result("query-name") == {"name": "web1"}
        assert self.qemu.commands() == [*before, "query-name"]
        return text


@pytest.fixture(scope="module")
def tenant(module_house):
    return Tenant(module_house)


# --- what they may do -------------------------------------------------------------------------------

def test_a_card_is_plugged_and_unplugged(tenant):
    assert tenant.client.result("device_add", driver="virtio-net-pci", id="hot-nic", netdev="n0",
                                mac="52:54:00:12:34:56") == {}
    with tenant.qemu.direct().ready() as direct:
        assert "hot-nic" in [d["name"] for d in direct.result("qom-list", path="/machine/peripheral")]
    assert tenant.client.result("device_del", id="hot-nic") == {}


def test_a_disk_of_their_own_is_added(tenant):
    assert tenant.client.result("blockdev-add", tenant.disk(tenant.path("acme/disks/more"))) == {}
    assert tenant.client.result("blockdev-del", {"node-name": "hot-1"}) == {}


def test_a_snapshot_is_made_alone_and_in_a_transaction(tenant):
    one = {"node-name": "d0", "snapshot-file": tenant.path("acme/snapshots/1"), "format": "qcow2",
           "snapshot-node-name": "s1"}
    assert tenant.client.result("blockdev-snapshot-sync", one) == {}
    two = {"node-name": "s1", "snapshot-file": tenant.path("acme/snapshots/2"), "format": "qcow2",
           "snapshot-node-name": "s2"}
    assert tenant.client.result("transaction", actions=[{"type": "blockdev-snapshot-sync", "data": two}]) == {}
    assert os.path.exists(tenant.path("acme/snapshots/2"))


def test_a_word_of_the_human_monitor(tenant):
    assert "VM status" in tenant.client.result("human-monitor-command", {"command-line": "info status"})


# --- ways around it ---------------------------------------------------------------------------------

FILES = ["globex/secret", "acme/disks/../../globex/secret", "acme/disks/./../../globex/secret", "acme/disks",
         "acme/disks/", "acme/disksX/secret", "acme/disks//../../globex/secret", "acme/base", "acme/snapshots/1"]


@pytest.mark.parametrize("name", FILES)
def test_no_file_of_somebody_else_becomes_a_disk(tenant, name):
    tenant.refused("blockdev-add", tenant.disk(tenant.path(name)))


@pytest.mark.parametrize("text", [
    "json:{\"driver\":\"file\",\"filename\":\"/etc/passwd\"}", "nbd://127.0.0.1/x", "file:/etc/passwd", "/dev/fdset/1",
    "etc/passwd", "", "exec:id"])
def test_what_is_no_plain_path_becomes_no_disk(tenant, text):
    tenant.refused("blockdev-add", tenant.disk(text))


def test_a_name_with_nul_becomes_no_disk(tenant):
    tenant.refused("blockdev-add", tenant.disk(tenant.path("acme/disks/more") + "\0/../../globex/secret"))


@pytest.mark.parametrize("more", [
    {"driver": "vvfat", "dir": "/etc"}, {"driver": "host_device", "filename": "/dev/sda"},
    {"driver": "nbd", "server": {"type": "unix", "path": "/run/x"}},
    {"driver": "qcow2", "file": {"driver": "nbd", "server": {"type": "inet", "host": "127.0.0.1", "port": "1"}}},
    {"driver": "quorum", "vote-threshold": 1, "children": [{"driver": "file", "filename": "/etc/passwd"}]},
    {"driver": "ssh", "server": {"host": "h", "port": "22"}, "path": "/etc/passwd"}], ids=lambda m: m["driver"])
def test_no_other_kind_of_node_is_opened(tenant, more):
    tenant.refused("blockdev-add", {"node-name": "hot-1", **more})


@pytest.mark.parametrize("member", ["backing", "data-file"])
def test_nothing_is_hung_behind_a_disk_of_their_own(tenant, member):
    disk = tenant.disk(tenant.path("acme/disks/more"), driver="qcow2")
    disk[member] = {"driver": "file", "filename": tenant.path("globex/secret")}
    tenant.refused("blockdev-add", disk)


def image_that_names(tenant, victim):
    """A qcow2 image, made elsewhere, whose data file is the victim: its path stands in the header."""
    image = tenant.path("acme/disks/image")
    with open(image, "wb"), tenant.qemu.direct().ready() as direct:
        for name, path in (("image", image), ("victim", victim)):
            direct.result("blockdev-add", {"driver": "file", "node-name": name, "filename": path})
        direct.result("blockdev-create", {"job-id": "j", "options": {
            "driver": "qcow2", "file": "image", "data-file": "victim", "data-file-raw": True, "size": MIB}})
        wait.until(lambda: direct.result("query-jobs")[0]["status"] == "concluded", "the image")
        direct.result("job-dismiss", id="j")
        for name in ("image", "victim"):
            direct.result("blockdev-del", {"node-name": name})
    return image


def test_an_image_that_names_other_files_is_not_opened_as_one(tenant):
    disk = tenant.disk(image_that_names(tenant, tenant.path("globex/secret")))
    tenant.refused("blockdev-add", {**disk, "driver": "qcow2"})
    tenant.refused("blockdev-add", {**disk, "driver": "qcow2", "backing": None})
    assert tenant.client.result("blockdev-add", disk) == {}  # as it is: bytes
    with tenant.qemu.direct().ready() as direct:
        assert tenant.path("globex/secret") not in [n["file"] for n in direct.result("query-named-block-nodes")]
    assert tenant.client.result("blockdev-del", {"node-name": "hot-1"}) == {}


def test_a_lock_is_not_done_without(tenant):
    disk = tenant.disk(tenant.path("acme/disks/more"))
    disk["file"]["locking"] = "off"
    tenant.refused("blockdev-add", disk)


def test_a_disk_is_not_reopened_as_another(tenant):
    tenant.refused("blockdev-reopen", {"options": [tenant.disk(tenant.path("globex/secret"))]})


@pytest.mark.parametrize("name", ["globex/1", "acme/1", "acme/snapshots/../../globex/1", "acme/snapshots"])
def test_no_snapshot_lies_elsewhere(tenant, name):
    one = {"node-name": "d0", "snapshot-file": tenant.path(name), "format": "qcow2"}
    tenant.refused("blockdev-snapshot-sync", one)
    tenant.refused("transaction", {"actions": [{"type": "abort", "data": {}},
                                               {"type": "blockdev-snapshot-sync", "data": one}]})
    assert not os.path.exists(tenant.path("globex/1"))


def test_a_transaction_hides_no_other_command(tenant):
    text = tenant.refused("transaction", {"actions": [
        {"type": "blockdev-backup", "data": {"device": "d0", "target": "d0", "sync": "full"}}]})
    assert "actions[0]" in text and "blockdev-backup" in text


@pytest.mark.parametrize("more", [
    {"romfile": "/etc/passwd"}, {"vectors": 1000}, {"x-unknown": 1}, {"netdev": ["n0"]}, {"netdev": {"id": "n0"}},
    {"id": "nic"}, {"driver": "virtio-net"}, {"driver": "vfio-pci", "host": "00:02.0"},
    {"driver": "usb-host", "hostbus": 1, "hostaddr": 1}, {"driver": "ivshmem-plain", "memdev": "m"}], ids=str)
def test_no_other_device_or_property_is_plugged(tenant, more):
    tenant.refused("device_add", {"driver": "virtio-net-pci", "id": "hot-nic", **more})


@pytest.mark.parametrize("line", [
    "quit", "q", "stop", "info mtree", "info status\nquit", "drive_add 0 file=/etc/passwd", "migrate exec:id",
    "savevm x", "info/status", "", "\tquit"])
def test_no_other_word_of_the_human_monitor(tenant, line):
    tenant.refused("human-monitor-command", {"command-line": line})


@pytest.mark.parametrize("command, arguments", [
    ("quit", None), ("migrate", {"uri": "exec:id"}), ("netdev_add", {"type": "tap", "id": "n", "script": "/bin/sh"}),
    ("object-add", {"qom-type": "secret", "id": "s", "file": "/etc/passwd"}),
    ("chardev-add", {"id": "c", "backend": {"type": "file", "data": {"out": "/tmp/x"}}}),
    ("qom-set", {"path": "/machine", "property": "firmware", "value": "/etc/passwd"}),
    ("screendump", {"filename": "/tmp/x"}), ("memsave", {"val": 0, "size": 1, "filename": "/tmp/x"}),
    ("drive-mirror", {"device": "d0", "target": "/tmp/x", "sync": "full"}),
    ("change-backing-file", {"device": "d0", "image-node-name": "d0", "backing-file": "/etc/passwd"}),
    ("block-export-add", {"type": "nbd", "id": "e", "node-name": "d0"}), ("getfd", {"fdname": "f"})],
    ids=lambda v: v if isinstance(v, str) else "")
def test_no_other_command(tenant, command, arguments):
    tenant.refused(command, arguments)


def test_a_refusal_names_the_rule_and_the_argument_and_no_value_of_the_policy(tenant):
    text = tenant.refused("blockdev-add", tenant.disk(tenant.path("globex/secret")))
    assert "own-disks" in text and "file.filename" in text and tenant.srv not in text
    text = tenant.refused("device_add", {"driver": "virtio-net-pci", "id": "hot-nic", "romfile": "/x"})
    assert "romfile" in text and "path" in text and "hotplug" in text


def test_a_refusal_names_what_decides(tenant):
    assert "('vfio-pci')" in tenant.refused("device_add", {"driver": "vfio-pci", "id": "hot-1", "host": "00:02.0"})
    assert "('nbd')" in tenant.refused("blockdev-add", {
        "driver": "raw", "node-name": "hot-1", "file": {"driver": "nbd", "server": {"type": "unix", "path": "/run/x"}}})


def test_what_depends_on_arguments_is_in_the_schema_that_is_shown(tenant):
    names = [c["name"] for c in tenant.client.result("query-commands")]
    assert {"device_add", "blockdev-add", "blockdev-snapshot-sync", "human-monitor-command"} <= set(names)
    assert not {"migrate", "object-add", "quit"} & set(names)


def test_explain_judges_arguments(tenant):
    def explain(disk):
        return tenant.client.result("gateway-explain", {"execute": "blockdev-add", "arguments": disk})
    told = explain(tenant.disk("/etc/passwd"))
    assert told["allowed"] is False and "file.filename" in told["reason"]
    told = explain(tenant.disk(tenant.path("acme/disks/more")))
    assert told == {"allowed": True, "rule": 'grant "acme" role "tenant-operator" rule "own-disks"'}
