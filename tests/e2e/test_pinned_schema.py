"""schema/qmp-7.2.json and what makes it: the pinned facts are those of a real QEMU, and a later release only adds."""

import copy
import json
import os
import subprocess
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP)

from schema.facts import Facts, FactsError  # noqa: E402
from schema.live import read_live  # noqa: E402
from schema.lockstep import Comparison  # noqa: E402
from schema.merge import merge  # noqa: E402
from schema.sources import Reader  # noqa: E402

PINNED = os.path.join(TOP, "schema", "qmp-7.2.json")


def update_schema(*args):
    return subprocess.run([os.path.join(TOP, "scripts", "update-schema"), *args], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8")


@pytest.fixture(scope="module")
def elements(module_house):
    vm = module_house.qemu()
    with vm.direct().ready() as client:
        return client.result("query-qmp-schema")


@pytest.fixture
def pinned():
    return Facts.load(PINNED)


def differences(facts, elements):
    return Comparison(facts, read_live(elements, "7.2", facts)).run()


# --- against a QEMU ------------------------------------------------------------------------------------

def test_pinned_facts_are_those_of_the_qemu_that_runs():
    done = update_schema("--check")
    assert done.returncode == 0, done.stdout
    assert "216 commands, 52 events" in done.stdout
    assert done.stdout.endswith(": 0 differences\n")


def test_check_of_a_wrong_file_fails_and_says_where(tmp_path):
    path = tmp_path / "wrong.json"
    with open(PINNED, encoding="ascii") as f:
        d = json.load(f)
    d["types"]["StatusInfo"]["members"][0]["optional"] = True
    path.write_text(json.dumps(d))
    done = update_schema("--check", "--file", str(path))
    assert done.returncode == 1
    assert done.stdout.startswith("StatusInfo.running: is optional in one of them only\n")


def wrong_type(facts):
    facts.types["StatusInfo"]["members"][0]["type"] = "str"


def lost_member(facts):
    facts.types["BlockInfo"]["members"].pop()


def made_up_member(facts):
    facts.types["BlockInfo"]["members"].append({"name": "colour", "type": "str"})


def lost_value(facts):
    facts.types["RunState"]["values"].pop()


def lost_branch(facts):
    del facts.types["BlockdevOptions"]["branches"][0]


def lost_command(facts):
    del facts.commands["stop"]


def lost_event(facts):
    del facts.events["STOP"]


def lost_argument(facts):
    facts.commands["block_resize"]["args"]["members"].pop()


def lost_feature(facts):
    del facts.commands["drive-backup"]["features"]


def wrong_return(facts):
    del facts.commands["query-status"]["returns"]


def lost_oob(facts):
    del facts.commands["yank"]["oob"]


def made_up_choice(facts):
    facts.types["StrOrNull"]["branches"].append({"name": "i", "type": "int"})


@pytest.mark.parametrize("change", [
    wrong_type, lost_member, made_up_member, lost_value, lost_branch, lost_command, lost_event, lost_argument, lost_feature,
    wrong_return, lost_oob, made_up_choice])
def test_a_difference_is_found(pinned, elements, change):
    assert differences(pinned, elements) == []
    change(pinned)
    assert len(differences(pinned, elements)) >= 1


def test_what_only_other_targets_have_is_no_difference(pinned, elements):
    assert "query-gic-capabilities" in pinned.commands
    assert not [d for d in differences(pinned, elements) if "gic" in d]


def test_a_file_made_from_the_live_qemu_has_the_names_of_the_pinned_one(pinned, elements):
    live = read_live(elements, "7.2", pinned)
    live.check()
    assert len(live.commands) == 216 and len(live.events) == 52
    assert set(live.types) < set(pinned.types)
    assert live.types["StatusInfo"] == pinned.types["StatusInfo"]
    assert live.commands["blockdev-add"] == pinned.commands["blockdev-add"]


def test_a_type_that_nobody_knows_is_called_after_its_place(pinned, elements):
    del pinned.commands["query-status"]
    live = read_live(elements, "7.2", pinned)
    assert live.commands["query-status"]["returns"] == "QueryStatusInfo"


def test_writing_and_reading_change_nothing(pinned):
    with open(PINNED, encoding="ascii") as f:
        assert f.read() == pinned.text()


# --- QAPI sources --------------------------------------------------------------------------------------

def read(tmp_path, text):
    path = tmp_path / "qapi-schema.json"
    path.write_text(text)
    return Reader().read(str(path))


def test_sources_of_every_form_are_read(tmp_path):
    facts = read(tmp_path, """
# a comment with 'quotes' and { brackets
##
# @Colour:
#
# @red: warm (since 1.5)
#
# Since: 1.2
##
{ 'enum': 'Colour', 'data': [ 'red', { 'name': 'grey', 'features': [ 'deprecated' ], 'if': 'CONFIG_GREY' } ] }
{ 'struct': 'Base', 'data': { 'colour': 'Colour', '*n': 'uint8' } }
{ 'struct': 'Red', 'base': 'Base', 'data': { 'list': [ 'str' ] } }
{ 'union': 'Thing', 'base': 'Base', 'discriminator': 'colour', 'data': { 'red': 'Red' } }
{ 'alternate': 'Choice', 'data': { 'a': 'str', 'b': 'Red' } }
{ 'command': 'paint', 'data': { 'thing': 'Thing', '*choice': 'Choice' }, 'returns': [ 'Red' ], 'allow-oob': true }
{ 'event': 'PAINTED' }
{ 'struct': 'NobodyUsesIt', 'data': {} }
""")
    assert facts.types["Colour"] == {"kind": "enum", "module": "qapi-schema", "since": "1.2", "values": [
        {"name": "red", "since": "1.5"}, {"name": "grey", "if": "CONFIG_GREY", "features": ["deprecated"]}]}
    assert [m["name"] for m in facts.types["Red"]["members"]] == ["colour", "n", "list"]
    assert facts.types["Thing"]["branches"] == [{"name": "red", "type": "Red"}]
    assert facts.commands["paint"]["returns"] == "[Red]" and facts.commands["paint"]["oob"]
    assert facts.events == {"PAINTED": {"module": "qapi-schema"}}
    assert "NobodyUsesIt" not in facts.types


@pytest.mark.parametrize("text", ["{ 'command': 'x', 'returns': 'NoSuchType' }", "{ 'command': \"x\" }",
                                  "{ 'command': 'x', 'returns': [ [ 'str' ] ] }"])
def test_sources_that_are_not_understood_are_refused(tmp_path, text):
    with pytest.raises((FactsError, TypeError)):
        read(tmp_path, text)


# --- a later release -----------------------------------------------------------------------------------

@pytest.fixture
def later(pinned):
    facts = copy.deepcopy(pinned)
    facts.release = "9.9"
    return facts


def test_a_release_merged_with_itself_is_itself(pinned, later):
    later.release = "7.2"
    assert merge([pinned, later]).text() == pinned.text()


def test_what_comes_later_stands_behind_wherever_qemu_has_it(pinned, later):
    later.types["StatusInfo"]["members"].insert(0, {"name": "mood", "type": "str"})
    later.types["RunState"]["values"].insert(0, {"name": "bored"})
    whole = merge([pinned, later])
    assert whole.types["StatusInfo"]["members"][:-1] == pinned.types["StatusInfo"]["members"]
    assert whole.types["StatusInfo"]["members"][-1] == {"name": "mood", "type": "str", "late": True, "since": "9.9"}
    assert whole.types["RunState"]["values"][-1] == {"name": "bored", "since": "9.9"}


def test_a_type_that_was_renamed_keeps_its_name(pinned, later):
    later.types["VmState"] = later.types.pop("StatusInfo")
    later.commands["query-status"]["returns"] = "VmState"
    assert merge([pinned, later]).text() == merge([pinned, pinned]).text().replace('"7.2"', '"9.9"', 1)


def test_arguments_that_got_a_type_of_their_own_stay_in_their_place(pinned, later):
    later.types["Resize"] = {"kind": "object", "module": "block-core", "members": later.commands["block_resize"]["args"]["members"]
                             + [{"name": "shrink", "type": "bool", "optional": True}]}
    later.commands["block_resize"]["args"] = "Resize"
    names = [m["name"] for m in merge([pinned, later]).commands["block_resize"]["args"]["members"]]
    assert names == ["device", "node-name", "size", "shrink"]


def test_a_string_that_became_an_enum_stays_a_string(pinned, later):
    later.types["BlockJobInfo"]["members"][0]["type"] = "JobType"
    notes = []
    assert merge([pinned, later], notes).types["BlockJobInfo"]["members"][0]["type"] == "str"
    assert notes == ["9.9: BlockJobInfo.type is JobType, and stays str"]


def test_a_member_of_another_kind_is_refused(pinned, later):
    later.types["StatusInfo"]["members"][0]["type"] = "str"
    with pytest.raises(FactsError, match="StatusInfo.running: was bool, and is str in 9.9"):
        merge([pinned, later])
