"""libqmp against a real QEMU: every command of its schema, every query that it answers, and a program that is compiled
against the installed library."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "libqmp"))

from commands import Library, Schema, check_arguments, check_event, check_reply, check_validated  # noqa: E402


@pytest.fixture(scope="module")
def vm(module_house):
    return module_house.qemu(machine=("-machine", "q35", "-device", "virtio-scsi-pci", "-drive",
                                      "if=none,id=d,driver=null-co", "-device", "scsi-hd,drive=d", "-netdev", "user,id=n",
                                      "-device", "e1000,netdev=n", "-chardev", "null,id=c", "-device", "isa-serial,chardev=c"))


@pytest.fixture(scope="module")
def elements(vm):
    with vm.direct().ready() as client:
        return client.result("query-qmp-schema")


@pytest.fixture(scope="module")
def schema(elements):
    return Schema(elements)


@pytest.fixture(scope="module")
def library(build):
    return Library(build)


# --- what its schema says ------------------------------------------------------------------------------

def test_arguments_of_every_command(library, schema):
    assert sum(check_arguments(library, schema, c)["message"] for c in sorted(schema.commands)) > 3000


def test_replies_of_every_command(library, schema):
    for c in sorted(schema.commands):
        assert check_reply(library, schema, c)["reply"] > 0


def test_every_event(library, schema, elements):
    events = [e for e in elements if e["meta-type"] == "event"]
    assert len(events) == 52
    for e in events:
        check_event(library, schema, e["name"], e)


def test_every_message_passes_the_validator(library, schema, elements, module_place):
    path = os.path.join(module_place, "schema.json")
    with open(path, "w", encoding="ascii") as f:
        json.dump(elements, f)
    assert check_validated(library, schema, path) > 3000


# --- what it answers -------------------------------------------------------------------------------------

def test_every_query_that_the_vm_answers_is_understood(library, schema, vm):
    queries = sorted(c for c in schema.commands if c.startswith(("query-", "x-query-")) and not any(
        "default" not in m for m in schema.types[schema.commands[c]["arg-type"]]["members"]))
    lines, returned = [], []
    with vm.direct().ready() as client:
        for name in queries:
            client.send({"execute": name})
            reply = client.reply()
            if "return" in reply:
                lines.append(f"reply {name} {json.dumps(reply)}")
                returned.append((name, reply["return"]))
    assert len(returned) > 50, [n for n, _ in returned]
    for (name, value), answer in zip(returned, library.ask(lines)):
        assert answer.ok, (name, answer.text)
        assert json.loads(answer.text) == value, name


def test_messages_of_the_library_are_run_by_qemu(library, vm):
    wanted = [("object-add", {"qom-type": "iothread", "id": "io1", "poll-max-ns": 2 ** 15}), ("qom-get", {
        "path": "/objects/io1", "property": "poll-max-ns"}), ("object-del", {"id": "io1"})]
    messages = library.ask([f"args {c} {json.dumps(a)}" for c, a in wanted])
    with vm.direct().ready() as client:
        replies = []
        for m in messages:
            client.raw(m.text.encode())  # as it is: no line feed, no white space
            replies.append(client.reply())
    answers = library.ask([f"reply {c} {json.dumps(r)}" for (c, _), r in zip(wanted, replies)])
    assert [a.text for a in answers] == ["{}", "32768", "{}"]


# --- installed ---------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def installed(build, module_place):
    """Where `make install` put it."""
    place = os.path.join(module_place, "root")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}
    subprocess.run(["make", "-s", "-C", build, "install", f"DESTDIR={place}"], check=True, env=environment,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return place


def pkg_config(installed, *args):
    found = subprocess.run(["find", installed, "-name", "libqmp.pc"], stdout=subprocess.PIPE, encoding="utf-8").stdout.split()
    assert len(found) == 1
    environment = {**os.environ, "PKG_CONFIG_PATH": os.path.dirname(found[0]), "PKG_CONFIG_SYSROOT_DIR": installed}
    return shlex.split(subprocess.run(["pkg-config", *args, "libqmp"], check=True, env=environment, stdout=subprocess.PIPE,
                                      encoding="utf-8").stdout)


def sanitizers(installed):
    """A program needs the sanitizers that the library has."""
    library = subprocess.run(["find", installed, "-name", "libqmp.so.0"], stdout=subprocess.PIPE, encoding="utf-8").stdout.strip()
    needed = subprocess.run(["readelf", "-d", library], stdout=subprocess.PIPE, encoding="utf-8").stdout
    return ["-fsanitize=address,undefined"] if "libasan" in needed else ["-fsanitize=thread"] if "libtsan" in needed else []


def test_an_example_compiles_against_what_is_installed_and_talks_to_a_vm(installed, vm, module_place):
    program = os.path.join(module_place, "layer-one")
    flags = pkg_config(installed, "--cflags", "--libs")
    directory = next(f[2:] for f in flags if f.startswith("-L"))
    subprocess.run(["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", *sanitizers(installed), "-o", program,
                    os.path.join(TOP, "docs", "examples", "layer-one.c"), *flags], check=True)
    with vm.direct().ready() as client, subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
            env={**os.environ, "LD_LIBRARY_PATH": directory}) as process:
        for line in process.stdout:
            client.raw(line.encode())
            process.stdin.write(json.dumps(client.reply()) + "\n")
            process.stdin.flush()
        process.stdin.close()
        said = process.stderr.read()
        assert process.wait() == 0, said
        client.result("blockdev-del", **{"node-name": "nothing"})
    assert re.search(r"^nothing: null-co, 1048576 bytes, read-only$", said, re.MULTILINE), said


def test_the_headers_that_are_installed_need_no_others(installed, module_place):
    flags = pkg_config(installed, "--cflags")
    for compiler, standard in (("cc", "c99"), ("c++", "c++11")):
        language = "c++" if compiler == "c++" else "c"
        subprocess.run([compiler, "-fsyntax-only", f"-std={standard}", f"-x{language}", "-Wall", "-Wextra", "-pedantic", "-Werror",
                        *flags, "-"], input="#include <qmp.h>\n", encoding="utf-8", check=True)
