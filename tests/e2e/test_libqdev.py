"""libqdev against a real QEMU: what it prints is taken on the command line and by QMP, and says the same in both."""

import json
import os
import shlex
import subprocess
import xml.etree.ElementTree

import pytest

from harness import wait
from harness.qdev import Converter

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Whatever a string may hold: each of them has had a meaning to some parser.
TEXTS = ["", "a", "a,b", ",", ",,", "a=b", "=", "\"", "'", "\\", "{\"a\":1}", "{", "on", "off", "no", "0", "0x10", "help", "?", " a ", "a b",
         "\u00e4\U0001f4a1", "\u2028", "\t", "<&>", "${HOME}", "%s", "a\\,b", "id=x", "-device", "a,id=b", "json:{}"]
FORM = "3"  # enum qdev_error_kind


@pytest.fixture
def convert(build):
    converter = Converter(build)
    yield converter
    converter.close()


def words(convert, items, form="argv"):
    """A command line of (option, description)."""
    return [w for option, d in items for w in (option, convert(option, "argv" if isinstance(d, str) else "json", form, d))]


def start(house, machine, name="web1"):
    return house.qemu(name=name, machine=("-machine", "q35", *machine))


def ports(texts):
    return [{"driver": "virtserialport", "id": f"p{i}", "name": t, "bus": "s.0"} for i, t in enumerate(texts)]


BUS = ("-device", "virtio-serial-pci,id=s,max_ports=100")


def names(client, n):
    return [client.result("qom-get", path=f"/machine/peripheral/p{i}", property="name") for i in range(n)]


# --- devices ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("form", ["argv", "json"])
def test_every_text_reaches_a_device_by_the_command_line(house, convert, form):
    items = [("-device", d) for d in ports(TEXTS)]
    vm = start(house, [*BUS, *words(convert, items, form)])
    with vm.direct().ready() as client:
        assert names(client, len(TEXTS)) == TEXTS


def test_every_text_reaches_a_device_by_device_add(house, convert):
    vm = start(house, BUS)
    with vm.direct().ready() as client:
        for d in ports(TEXTS):
            client.result("device_add", json.loads(convert("-device", "json", "qmp", d)))
        assert names(client, len(TEXTS)) == TEXTS


def test_a_word_of_a_command_line_can_be_added_by_qmp(house, convert):
    vm = start(house, BUS)
    with vm.direct().ready() as client:
        client.result("device_add", json.loads(convert("-device", "argv", "qmp", "virtserialport,id=p0,bus=s.0,nr=7,name=a,,b")))
        assert names(client, 1) == ["a,b"]
        assert client.result("qom-get", path="/machine/peripheral/p0", property="nr") == 7


TYPED = {"driver": "e1000", "id": "e", "multifunction": False, "bootindex": 3, "addr": "5.0", "mac": "52:54:00:00:00:01"}


def properties(client):
    return {p: client.result("qom-get", path="/machine/peripheral/e", property=p) for p in TYPED if p not in ("driver", "id", "addr")}


@pytest.mark.parametrize("form", ["argv", "json"])
def test_typed_values_reach_a_device_by_the_command_line(house, convert, form):
    with start(house, words(convert, [("-device", TYPED)], form)).direct().ready() as client:
        assert properties(client) == {p: v for p, v in TYPED.items() if p not in ("driver", "id", "addr")}


def test_typed_values_reach_a_device_by_device_add(house, convert):
    typed = {**TYPED, "bus": "r"}
    del typed["addr"]
    with start(house, ["-device", "pcie-root-port,id=r"]).direct().ready() as client:
        client.result("device_add", json.loads(convert("-device", "json", "qmp", typed)))
        assert properties(client) == {p: v for p, v in TYPED.items() if p not in ("driver", "id", "addr")}


def test_qemu_drops_what_device_add_is_not_given(house, convert):
    """Why qdev_to_qmp refuses it. A QEMU for which this fails reads it: QDEV_QMP_NESTED."""
    nested = {"driver": "virtserialport", "id": "p0", "bus": "s.0", "name": ["x"], "there-is-no-such": {"a": 1}}
    assert convert.refuses("-device", "json", "qmp", nested)[0] == FORM
    with start(house, BUS).direct().ready() as client:
        client.result("device_add", nested)
        assert names(client, 1) == [""]


# --- objects ------------------------------------------------------------------------------------------------

OBJECTS = [{"qom-type": "secret", "id": f"s{i}", "data": t} for i, t in enumerate(t for t in TEXTS if t)]
BACKEND = {"qom-type": "memory-backend-ram", "id": "m", "size": 1 << 20, "share": True}


def check_objects(client):
    for o in OBJECTS:
        assert client.result("qom-get", path=f"/objects/{o['id']}", property="data") == o["data"]
    assert client.result("qom-get", path="/objects/m", property="size") == 1 << 20
    assert client.result("qom-get", path="/objects/m", property="share") is True


@pytest.mark.parametrize("form", ["argv", "json"])
def test_objects_of_the_command_line(house, convert, form):
    with start(house, words(convert, [("-object", o) for o in [*OBJECTS, BACKEND]], form)).direct().ready() as client:
        check_objects(client)


def test_objects_of_qmp(house, convert):
    with start(house, ()).direct().ready() as client:
        for o in [*OBJECTS, BACKEND]:
            client.result("object-add", json.loads(convert("-object", "json", "qmp", o)))
        check_objects(client)


def test_a_list_of_an_object(house, convert):
    o = {"qom-type": "memory-backend-ram", "id": "m", "size": 1 << 20, "host-nodes": [0], "policy": "preferred"}
    for form in ("argv", "json"):
        with start(house, words(convert, [("-object", o)], form), form).direct().ready() as client:
            assert client.result("qom-get", path="/objects/m", property="host-nodes") == [0]


# --- netdevs ------------------------------------------------------------------------------------------------

def netdevs(place):
    return [{"type": "user", "id": "u", "restrict": True, "hostname": "a,b", "dnssearch": [{"str": "x"}, {"str": "y"}],
             "hostfwd": [{"str": "tcp:127.0.0.1:0-:22"}, {"str": "tcp:127.0.0.1:0-:23"}]},
            {"type": "stream", "id": "s", "server": True, "addr": {"type": "unix", "path": os.path.join(place, "a,b=c.sock")}},
            {"type": "hubport", "id": "h", "hubid": 3}]


def check_netdevs(client, place):
    said = client.result("human-monitor-command", **{"command-line": "info network"})
    assert "restrict=on" in said and "hub 3" in said, said
    forwards = client.result("human-monitor-command", **{"command-line": "info usernet"})
    assert forwards.count("HOST_FORWARD") == 2, forwards
    wait.until(lambda: os.path.exists(os.path.join(place, "a,b=c.sock")), "the socket, which a thread of QEMU's makes")
    # they are not taken out: QEMU 7.2 itself ends now and then when these are
    assert "u: index=" in said and "s: index=" in said and "\\ h" in said, said


@pytest.mark.parametrize("form", ["argv", "json"])
def test_netdevs_of_the_command_line(house, convert, place, form):
    with start(house, words(convert, [("-netdev", n) for n in netdevs(place)], form)).direct().ready() as client:
        check_netdevs(client, place)


def test_netdevs_of_qmp(house, convert, place):
    with start(house, ()).direct().ready() as client:
        for n in netdevs(place):
            client.result("netdev_add", json.loads(convert("-netdev", "json", "qmp", n)))
        check_netdevs(client, place)


# --- block ------------------------------------------------------------------------------------------------

IMAGE = "a,b=c \"d\" 'e' \u00e4.img"


@pytest.fixture
def image(place):
    path = os.path.join(place, IMAGE)
    with open(path, "wb") as f:
        f.truncate(1 << 20)
    return path


def blockdevs(image):
    return [{"driver": "raw", "node-name": "r", "read-only": True, "offset": 512, "size": 1024,
             "file": {"driver": "file", "node-name": "f", "filename": image, "cache": {"direct": False, "no-flush": True}}},
            {"driver": "null-co", "node-name": "z", "size": 1 << 30, "read-zeroes": True},
            {"driver": "quorum", "node-name": "q", "vote-threshold": 1, "children": [
                {"driver": "null-co", "node-name": "c0", "size": 4096}, "c1"]}]


CHILD = {"driver": "null-co", "node-name": "c1", "size": 4096}


def check_blockdevs(client, image):
    nodes = {n["node-name"]: n for n in client.result("query-named-block-nodes")}
    assert nodes["r"]["image"]["virtual-size"] == 1024 and nodes["r"]["ro"]
    assert nodes["f"]["image"]["filename"] == image and nodes["f"]["cache"]["no-flush"]
    assert nodes["z"]["image"]["virtual-size"] == 1 << 30
    assert nodes["q"]["image"]["virtual-size"] == 4096


@pytest.mark.parametrize("form", ["argv", "json"])
def test_blockdevs_of_the_command_line(house, convert, image, form):
    items = [("-blockdev", b) for b in [CHILD, *blockdevs(image)]]
    with start(house, words(convert, items, form)).direct().ready() as client:
        check_blockdevs(client, image)


def test_blockdevs_of_qmp(house, convert, image):
    with start(house, ()).direct().ready() as client:
        for b in [CHILD, *blockdevs(image)]:
            client.result("blockdev-add", json.loads(convert("-blockdev", "json", "qmp", b)))
        check_blockdevs(client, image)


def test_a_drive(house, convert, image):
    word = f"id=d,if=none,file={image.replace(',', ',,')},format=raw,read-only=on,file.locking=off"
    with start(house, words(convert, [("-drive", word)])).direct().ready() as client:
        found = client.result("query-block")
        assert [(b["device"], b["inserted"]["file"], b["inserted"]["ro"]) for b in found] == [("d", image, True)]


# --- chardevs -----------------------------------------------------------------------------------------------

def chardevs(place):
    path = f"{place}/a,,b=c"
    return ["null,id=c0", f"file,id=c1,path={path}.out,append=on,logfile={path}.log,logappend=off", "ringbuf,id=c2,size=64K", "pty,id=c3",
            f"socket,id=c4,path={path}.sock,server=on,wait=off", "socket,id=c5,host=127.0.0.1,port=0,server=on,wait=off,ipv4=on,delay=off",
            "udp,id=c6,host=127.0.0.1,port=9", "udp,id=c7,port=9,localaddr=127.0.0.1,localport=0", "vc,id=c8,cols=80,rows=24",
            f"socket,id=c9,path={place}/nobody,reconnect=60", "mux,id=c10,chardev=c0", "testdev,id=c11", "qemu-vdagent,id=c12,mouse=off,clipboard=on"]


def shown(client):
    """What QEMU says of them; ports and ptys are of its own choosing."""
    found = {}
    for c in client.result("query-chardev"):
        if c["label"].startswith("c") and not c["label"].startswith("compat"):
            name = c["filename"].split(":/dev/pts/")[0]
            found[c["label"]] = name.rsplit(":", 1)[0] if "tcp:" in name or "udp:" in name else name
    return found


def test_chardevs_of_the_command_line_and_of_qmp_are_the_same(house, convert, place, tmp_path):
    def add(client):
        for c in chardevs(str(tmp_path)):
            arguments = convert("-chardev", "argv", "qmp", c)
            reply = client.call("chardev-add", json.loads(arguments))
            assert "return" in reply, (c, arguments, reply)
        return shown(client)

    with start(house, ()).direct().ready() as client:
        by_qmp = add(client)
    assert {"a,b=c.out", "a,b=c.log"} <= set(os.listdir(tmp_path))
    for name in os.listdir(tmp_path):
        os.unlink(tmp_path / name)
    with start(house, words(convert, [("-chardev", c) for c in chardevs(str(tmp_path))]), "web2").direct().ready() as client:
        assert shown(client) == by_qmp
    assert len(by_qmp) == len(chardevs(""))
    assert {"a,b=c.out", "a,b=c.log"} <= set(os.listdir(tmp_path))


def test_chardevs_of_qmp_as_a_command_line(house, convert, tmp_path):
    again = []
    for c in chardevs(str(tmp_path)):
        back = convert("-chardev", "qmp", "argv", convert("-chardev", "argv", "qmp", c))
        assert convert("-chardev", "argv", "qmp", back) == convert("-chardev", "argv", "qmp", c) or set(back.split(",")) >= set(
            c.replace("64K", "65536").split(",")), (c, back)
        again.append(back)
    with start(house, words(convert, [("-chardev", c) for c in again])).direct().ready() as client:
        assert len(shown(client)) == len(again)


# --- libvirt ------------------------------------------------------------------------------------------------

def test_xml_is_what_another_parser_reads(convert):
    for t in TEXTS:
        d = {"driver": "virtserialport", "id": "p", "name": t}
        text = convert("-device", "json", "libvirt", d)
        namespace = "{http://libvirt.org/schemas/domain/qemu/1.0}"
        root = xml.etree.ElementTree.fromstring(text)
        assert root.tag == namespace + "commandline"
        assert [(e.tag, e.get("value")) for e in root] == [
            (namespace + "arg", "-device"), (namespace + "arg", convert("-device", "json", "argv", d))]
        one_line = text.replace("\n", "")
        assert convert("-device", "libvirt", "argv", one_line) == convert("-device", "json", "argv", d)


# --- installed ----------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def example(build, module_place):
    """The example, compiled against the library where `make install` put it: what it says."""
    root = os.path.join(module_place, "root")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}
    subprocess.run(["make", "-s", "-C", build, "install-libLTLIBRARIES", "install-includeHEADERS", "install-pkgconfigDATA",
                    f"DESTDIR={root}"], check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found = subprocess.run(["find", root, "-name", "libqdev.pc"], stdout=subprocess.PIPE, encoding="utf-8").stdout.split()
    assert len(found) == 1
    flags = shlex.split(subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libqdev"], check=True, stdout=subprocess.PIPE, encoding="utf-8",
        env={**os.environ, "PKG_CONFIG_PATH": os.path.dirname(found[0]), "PKG_CONFIG_SYSROOT_DIR": root}).stdout)
    directory = next(f[2:] for f in flags if f.startswith("-L"))
    needed = subprocess.run(["readelf", "-d", os.path.join(directory, "libqdev.so.0")], stdout=subprocess.PIPE, encoding="utf-8").stdout
    sanitizers = ["-fsanitize=address,undefined"] if "libasan" in needed else ["-fsanitize=thread"] if "libtsan" in needed else []
    program = os.path.join(module_place, "devices")
    subprocess.run(["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", *sanitizers, "-o", program,
                    os.path.join(TOP, "docs", "examples", "devices.c"), *flags], check=True)

    def run(*args):
        return subprocess.run([program, *args], check=True, stdout=subprocess.PIPE, encoding="utf-8",
                              env={**os.environ, "LD_LIBRARY_PATH": directory}).stdout

    return run


def check_example(client, image):
    assert [b["inserted"]["file"] for b in client.result("query-block") if b.get("inserted")] == [image]
    assert client.result("qom-get", path="/machine/peripheral/n0", property="mac") == "52:54:00:12:34:56"


def test_an_example_compiles_against_what_is_installed_and_starts_a_vm(house, example, image):
    said = example("argv", image).splitlines()
    with start(house, said).direct().ready() as client:
        check_example(client, image)


def test_the_example_plugs_the_same_into_a_running_vm(house, example, image):
    machine = ["-device", "pcie-root-port,id=r0,chassis=1", "-device", "pcie-root-port,id=r1,chassis=2"]
    with start(house, machine).direct().ready() as client:
        free = iter(("r0", "r1"))
        for line in example("qmp", image).splitlines():
            command = json.loads(line)
            if command["execute"] == "device_add":
                command["arguments"]["bus"] = next(free)
            client.result(command["execute"], command["arguments"])
        check_example(client, image)


def test_the_example_says_the_same_to_libvirt(example, image):
    root = xml.etree.ElementTree.fromstring(example("libvirt", image))
    assert [e.get("value") for e in root] == example("argv", image).splitlines()
