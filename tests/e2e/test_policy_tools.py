"""qmpgate policy: tools that work on files."""

import glob
import json
import os

import pytest

from harness.cli import DENIED, LOCAL, OK, UNREACHABLE, USAGE
from harness.cli_fixtures import cli, direct  # noqa: F401
from harness.pki import SOURCE

FOUND, ERRORS = 1, 78
SCHEMA = os.path.join(SOURCE, "tests", "data", "schema-7.2.json")
EXAMPLES = sorted(glob.glob(os.path.join(SOURCE, "conf/examples/policy*.conf")))


class Tool:
    """One tool, with the pinned schema, and files by their names in the place of the test."""

    def __init__(self, cli, place):
        self.cli, self.place, self.env = cli, place, {"QMPGATE_SCHEMA": SCHEMA}

    def path(self, name):
        return os.path.join(self.place, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    def __call__(self, *words, **how):
        return self.cli("policy", *words, **{**self.env, **how})

    def check(self, text, *options):
        """What it says of a policy, without the file's name."""
        path = self.write("p", text)
        done = self("check", *options, path)
        assert done.code in (OK, FOUND), done.stderr
        return [line.replace(path + ":", "", 1) for line in done.stdout.splitlines()]

    def json(self, *words, code=OK):
        done = self(*words)
        assert done.code == code, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def tool(cli, place):
    return Tool(cli, place)


def role(body):
    return f'role "a" {{\n{body}\n}}\ngrant "g" {{ to = {{"unix:a"}} role = {{"a"}} vms = {{"*"}} }}\n'


def rule(commands, *conditions, name="r"):
    when = ", ".join(f'"{c}"' for c in conditions)
    return f'rule "{name}" {{ commands = {{{commands}}} when = {{{when}}} }}'


# --- the tools as a whole


@pytest.mark.parametrize("words", [(), ("dance",), ("check",), ("check", "a", "b"), ("check", "--loud", "a")])
def test_a_wrong_command_line_is_refused(tool, words):
    done = tool(*words)
    assert done.code == USAGE and done.stdout == ""


def test_a_file_that_is_not_there_is_told(tool):
    done = tool("check", tool.path("nowhere"))
    assert done.code == LOCAL and "nowhere" in done.stderr


def test_a_schema_that_is_none_is_told(tool):
    done = tool("check", "--schema", tool.write("s", '[{"a": 1}]'), tool.write("p", role("")))
    assert done.code == LOCAL and tool.path("s") in done.stderr


def test_what_a_gateway_shows_is_no_schema_to_check_by(tool):
    with open(SCHEMA) as f:
        schema = json.load(f)
    schema.append({"name": "gateway-info", "meta-type": "command", "arg-type": schema[0]["arg-type"],
                   "ret-type": schema[0]["arg-type"]})
    done = tool("check", "--schema", tool.write("s", json.dumps(schema)), tool.write("p", role("")))
    assert done.code == LOCAL and "gateway" in done.stderr


# --- check


def test_errors_are_told_as_the_daemon_tells_them(tool):
    path = tool.write("p", 'role "a" { alow = {"stop"} }\nrole "b" { include = {"c"} }\n')
    done = tool("check", path)
    assert done.code == ERRORS and done.stdout == ""
    assert done.stderr.startswith(f"{path}:1: ") and f"{path}:2: " in done.stderr


@pytest.mark.parametrize("path", EXAMPLES, ids=os.path.basename)
def test_nothing_is_said_of_the_examples(tool, path):
    done = tool("check", "--strict", path)
    assert done.code == OK and "warning" not in done.stdout, done.stdout


def test_warnings_are_errors_when_strict(tool):
    path = tool.write("p", role('allow = {"frobnicate"}'))
    assert tool("check", path).code == OK
    assert tool("check", "--strict", path).code == FOUND


@pytest.mark.parametrize("body, said", [
    ('allow = {"frobnicate"}', '"frobnicate": no schema has a command of that name'),
    ('deny = {"frob*"}', '"frob*" matches no command of any schema'),
    ('events = {"NOPE"}', '"NOPE": no schema has an event of that name'),
    ('events = {"NO_*"}', '"NO_*" matches no event of any schema'),
    ('allow = {"blockdev-ad?"}', '"blockdev-ad?": all that it matches reaches the host'),
    ('hmp = {"fly"}', '"fly": no word of the human monitor'),
    ('allow = {"stop"} deny = {"quit"} hmp = {"quit"}', '"quit" opens nothing: deny "quit" of role "a" (line 2) closes it'),
    ('allow = {"stop"} deny = {"query-b*"} hmp = {"info blo*"}', '"info blo*" opens nothing: deny "query-b*"'),
    ('redact = {"query-blok: x"}', '"query-blok: x": no schema has a command of that name'),
    ('allow = {"query-status", "@query"}', '"query-status" is superfluous: so says allow "@query"'),
    ('allow = {"stop", "stop"}', '"stop" is superfluous: so says allow "stop"'),
    ('events = {"STOP", "*"}', '"STOP" is superfluous: so says events "*"'),
    ('deny = {"stop", "*"}', '"stop" is superfluous: so says deny "*"'),
    ('allow = {"stop"} deny = {"st*"}', '"stop" opens nothing: deny "st*" of role "a" (line 2) closes it'),
])
def test_a_pattern_that_cannot_be_meant(tool, body, said):
    said = said.replace("query-blok: x", "query-blok")
    (line,) = tool.check(role(body))
    assert line.startswith("2: warning: " + said), line


@pytest.mark.parametrize("conditions, said", [
    (["file.drivr is file"], '"file.drivr is file": blockdev-add takes no file.drivr'),
    (["driver in raw qcow3"], '"driver in raw qcow3": driver is never qcow3: it is '),
    (["read-only is maybe"], '"read-only is maybe": read-only is never maybe'),
    (["driver between 1 2"], '"driver between 1 2" never holds: driver is a word of a list'),
    (["node-name at-most 5", "read-only? under /srv"], '"read-only? under /srv" never holds: read-only is true or false'),
    (["node-name is a", "node-name is b"], '"node-name is b" never holds beside "node-name is a" (line 2)'),
    (["node-name present", "node-name absent"], '"node-name absent" never holds beside "node-name present"'),
    (["**.filename between 1 2"], '"**.filename between 1 2" never holds: **.filename is a string'),
])
def test_a_condition_that_cannot_be_meant(tool, conditions, said):
    (line,) = tool.check(role(rule('"blockdev-add"', *conditions)))
    assert line.startswith("2: warning: " + said), line


def event_rule(events, *conditions):
    return "rule \"e\" { events = {%s} when = {%s} }" % (events, ", ".join(f'"{c}"' for c in conditions))


@pytest.mark.parametrize("events, condition, said", [
    ('"DEVICE_DELETED"', "devicee is x", '"devicee is x": DEVICE_DELETED has no devicee'),
    ('"STOP"', "device is x", '"device is x": STOP has no device'),
    ('"DEVICE_DELETED", "RESET"', "guest is true", '"guest is true": DEVICE_DELETED has no guest'),
    ('"RESET"', "guest is maybe", '"guest is maybe": guest is never maybe'),
    ('"RESET"', "guest under /x", '"guest under /x" never holds: guest is true or false'),
    ('"VNC_CONNECTED"', "client.hostt present", '"client.hostt present": VNC_CONNECTED has no client.hostt')])
def test_a_condition_on_an_event_that_cannot_be_meant(tool, events, condition, said):
    (line,) = tool.check(role(event_rule(events, condition)))
    assert line.startswith("2: warning: " + said), line


@pytest.mark.parametrize("condition", ["device? glob hot-*", "path glob /machine/**", "** any"])
def test_a_condition_on_an_event_that_can_be_meant(tool, condition):
    assert tool.check(role(event_rule('"DEVICE_DELETED"', condition))) == []


@pytest.mark.parametrize("path", ["[].inserted.fil", "inserted.file", "**.filenam", "[].inserted.file.x"])
def test_a_part_of_a_reply_that_is_not_there(tool, path):
    (line,) = tool.check(role('redact = {"query-block: %s"}' % path))
    assert line == f'2: warning: "query-block: {path}": what it returns has no {path}'


@pytest.mark.parametrize("text", ["query-block: [].inserted.file", "query-block: **.filename", "query-name: name",
                                  "qom-get: any.thing", "query-named-block-nodes: **"])
def test_a_part_of_a_reply_that_is_there(tool, text):
    assert tool.check(role('redact = {"%s"}' % text)) == []


def test_what_is_told_moves_no_cursor(tool):
    done = tool("check", tool.write("p", role(rule('"blockdev-add"', "driver is x\u009b31m"))))
    assert done.code == ERRORS and "p:2: " in done.stderr and "one line of UTF-8" in done.stderr
    assert "\u009b" not in done.stderr


def test_ranges_that_do_not_meet(tool):
    (line,) = tool.check(role(rule('"balloon"', "value at-most 1M", "value between 2M 3M")))
    assert '"value between 2M 3M" never holds beside "value at-most 1M"' in line


def test_what_may_be_absent_does_not_contradict_itself(tool):
    assert tool.check(role(rule('"blockdev-add"', "node-name? is a", "node-name? is b"))) == []


@pytest.mark.parametrize("conditions", [
    ["driver is raw", "file.driver is file", "**.filename under /srv", "node-name? glob hot-*"],
    ["file.filename? in %{vm} %{label.disk}", "backing? any", "** any"],
    ["read-only is true", "cache.direct? is false"],
])
def test_a_condition_that_can_be_meant(tool, conditions):
    assert tool.check(role(rule('"blockdev-add"', *conditions))) == []


@pytest.mark.parametrize("condition, format", [
    ("driver is qcow2", "qcow2"), ("**.driver in raw vmdk file", "vmdk"), ("file.driver? in qed", "qed")])
def test_images_that_name_files_are_a_note(tool, condition, format):
    (line,) = tool.check(role(rule('"blockdev-add"', condition)))
    assert line.startswith(f'2: note: "{condition}": whoever writes a {format} image names further files')


def test_any_property_of_a_device_may_be_named(tool):
    assert tool.check(role(rule('"device_add"', "driver is virtio-net-pci", "mac glob 52:*"))) == []


def test_a_path_within_a_transaction(tool):
    assert tool.check(role(rule('"transaction"', "actions[].type is blockdev-snapshot-sync"))) == []
    (line,) = tool.check(role(rule('"transaction"', "actions.type is x")))
    assert "takes no actions.type" in line


def test_a_rule_beside_an_allow_without_conditions(tool):
    (line,) = tool.check(role('allow = {"stop"} ' + rule('"stop"', "** any")))
    assert 'rule "r" is superfluous for "stop": allow "stop" (line 2) has no conditions' in line


def test_a_rule_that_narrows_what_reaches_the_host_is_a_note(tool):
    text = role('allow = {"blockdev-add"} ' + rule('"blockdev-add"', "**.filename under /srv"))
    (line,) = tool.check(text, "--strict")
    assert line.startswith("2: note: ") and "decides only about arguments that reach the host" in line


def test_a_rule_that_another_one_makes_superfluous(tool):
    less = rule('"blockdev-add"', "**.filename under /srv", "node-name present", name="less")
    more = rule('"blockdev-add", "blockdev-create"', "**.filename under /srv", name="more")
    (line,) = tool.check(role(less + "\n" + more))
    assert line.startswith('2: warning: rule "less" is superfluous: rule "more" of role "a" (line 3)')


def test_a_rule_that_covers_more_is_not_superfluous(tool):
    less = rule('"blockdev-add"', "**.filename under /srv", name="less")
    more = rule('"blockdev-add"', "**.filename under /srv", "**.host? any", name="more")
    assert tool.check(role(less + "\n" + more)) == []


@pytest.mark.parametrize("name", ["migrate", "screendump", "block_resize", "getfd", "human-monitor-command"])
def test_a_command_that_always_reaches_the_host_does_not_run_without_a_rule(tool, name):
    (line,) = tool.check(role(f'allow = {{"{name}"}}'))
    assert line.startswith(f'2: warning: "{name}" never runs: it always carries something that reaches the host')
    lines = tool.check(role(f'allow = {{"{name}"}}\n' + rule(f'"{name}"', "** any")))
    assert not any("never runs" in line for line in lines)


@pytest.mark.parametrize("name", ["stop", "blockdev-add", "device_add", "object-add", "transaction", "netdev_add"])
def test_a_command_that_can_do_without_the_host_may_stand_alone(tool, name):
    assert tool.check(role(f'allow = {{"{name}"}}')) == []


def test_the_human_monitor_runs_by_its_words(tool):
    assert tool.check(role('allow = {"human-monitor-command"} hmp = {"info status"}')) == []


def test_what_may_be_absent_needs_to_be_in_one_command_of_several(tool):
    several = '"block_resize", "blockdev-snapshot-sync"'
    assert tool.check(role(rule(several, "size? at-most 1T", "snapshot-file? under /srv"))) == []
    assert len(tool.check(role(rule(several, "size at-most 1T")))) == 1
    assert len(tool.check(role(rule(several, "sizes? at-most 1T", "** any")))) == 1


def test_what_an_included_role_denies_closes_too(tool):
    lines = tool.check('role "b" { deny = {"stop"} }\n' + role('include = {"b"} allow = {"stop"}'))
    assert lines == ['3: warning: "stop" opens nothing: deny "stop" of role "b" (line 1) closes it']


def test_one_schema_of_several_is_enough(tool):
    with open(SCHEMA) as f:
        schema = [e for e in json.load(f) if e["name"] != "stop"]
    old = tool.write("old.json", json.dumps({"return": schema}))
    assert tool.check(role('allow = {"stop"}'), "--schema", old) != []
    assert tool.check(role('allow = {"stop"}'), "--schema", old, "--schema", SCHEMA) == []


def test_a_running_vm_can_be_asked(tool, qemu):
    assert tool.check(role('allow = {"stop"}'), "--vm", "unix:" + qemu.socket) == []


def test_a_vm_that_is_not_there_is_told(tool):
    done = tool("check", "--vm", "unix:" + tool.path("nowhere.sock"), tool.write("p", role("")))
    assert done.code == UNREACHABLE


# --- test

POLICY = """
role "viewer" { allow = {"@query"} events = {"STOP"} }
role "disks" {
    rule "images" { commands = {"blockdev-add"} when = {"driver is file", "filename under /srv"} }
}
grant "view"  { to = {"unix:alice", "unix-group:ops"} role = {"viewer"} vms = {"web*"} }
grant "disks" { to = {"unix:alice"} role = {"disks"} vms = {"label:tenant=acme"} }
"""


def table(tool, text, code=OK):
    path = tool.write("cases", text)
    done = tool("test", tool.write("p", POLICY), path)
    assert done.code == code and done.stderr == "", done.stderr
    return [line.replace(path + ":", "", 1) for line in done.stdout.splitlines()]


def test_a_table_that_is_as_expected_says_nothing(tool):
    assert table(tool, """# a comment
vm db tenant=acme
who op "unix:carol" "unix-group:ops"
"unix:alice" web1 query-status -> allow grant "view" role "viewer" allow "@query"
"unix:alice" web1 stop -> deny default
unix:alice web1 event:STOP -> allow
unix:alice web1 event:RESET -> deny
op web1 query-status -> allow
"unix:carol" web1 query-status -> deny
"unix:alice" web1 blockdev-add -> deny
"unix:alice" db blockdev-add -> depends
"unix:alice" db blockdev-add {"driver": "file", "filename": "/srv/a", "node-name": "n"} -> allow
"unix:alice" db blockdev-add {"driver": "file", "filename": "/etc/a", "node-name": "n"} -> deny
"unix:alice" db blockdev-add {"driver": "file"} -> invalid
"unix:alice" db sees -> yes
"unix:carol" db sees -> no
"unix:carol" - admits -> no
"unix:alice" - admin -> none
"unix:alice" "unix:carol" delegate -> none
""") == []


@pytest.mark.parametrize("line, said", [
    ('"unix:alice" web1 stop -> allow', "unix:alice web1 stop: deny (default), not allow"),
    ('"unix:alice" web1 query-status -> deny', "not deny"),
    ('"unix:alice" web1 query-status -> allow default', 'by grant "view" role "viewer" allow "@query", not default'),
    ('"unix:alice" web1 event:STOP -> deny', "unix:alice web1 event:STOP: allow, not deny"),
    ('"unix:alice" db1 sees -> yes', "no, not yes"),
    ('"unix:alice" - admin -> stats', "none, not stats"),
    ('"unix:alice" web1 stop', "not of the form"),
    ('"unix:alice" web1 stop => deny', "not of the form"),
    ('unix:alice', "not of the form"),
    ('vm', "not of the form"),
    ('vm  ', "vm NAME"),
    ('vm a b', '"b" is no LABEL=VALUE'),
    ('who a', "who NAME"),
    ('"unix:alice" web1 blockdev-add {"driver": -> deny', "these arguments are no JSON object"),
])
def test_a_case_that_comes_out_otherwise_is_told_with_its_line(tool, line, said):
    told = table(tool, "# the first line\n" + line + "\n", FOUND)
    assert told[0].startswith("2: ") and said in told[0], told


@pytest.mark.parametrize("line, said", [
    ('"alice" web1 stop -> deny', '"alice" is nobody'),
    ('"unix:alice" web1 stpo -> deny', "the schema has no command stpo"),
    ('"unix:alice" web1 event:STPO -> deny', "the schema has no event STPO"),
    ('who a "x509:CN"', '"x509:CN" is nobody'),
])
def test_what_is_misspelt_is_not_refused_as_expected(tool, line, said):
    (told,) = table(tool, line + "\n", FOUND)
    assert told.startswith("1: " + said), told


def test_a_table_without_cases_is_no_test(tool):
    (told,) = table(tool, "# nothing\n", FOUND)
    assert "no case" in told
    (told,) = table(tool, "", FOUND)
    assert "no case" in told


def test_a_table_is_cut_short_by_nothing(tool):
    (told,) = table(tool, '"unix:alice" web1 stop -> deny\n\0"unix:alice" web1 stop -> allow\n', FOUND)
    assert "NUL" in told


def test_a_table_for_a_policy_with_errors_is_not_run(tool):
    done = tool("test", tool.write("p", "role"), tool.write("cases", ""))
    assert done.code == ERRORS


# --- explain


def explain(tool, *words, code=OK):
    return tool.json("explain", tool.write("p", POLICY), *words, code=code)


def test_a_rule_that_allows_is_named_with_its_place(tool):
    said = explain(tool, "unix:alice", "web1", "query-status")
    assert said["allowed"] and said["rule"] == 'grant "view" role "viewer" allow "@query"' and "reason" not in said
    assert f'allow "@query" of role "viewer" ({tool.path("p")}:2)' in said["detail"]


def test_what_nothing_allows_is_refused(tool):
    said = explain(tool, "unix:alice", "web1", "stop", code=DENIED)
    assert not said["allowed"] and said["rule"] == "default" and said["reason"] == "no rule allows it"


def test_the_nearest_rule_and_what_is_missing_are_told(tool):
    said = explain(tool, "unix:alice", "db", "blockdev-add", "driver=file", "filename=/etc/passwd", "node-name=n",
                   "--label", "tenant=acme", code=DENIED)
    assert said["reason"] == 'grant "disks" role "disks" rule "images" does not hold: \'filename\''
    assert 'wants "filename under /srv" (line 4)' in said["detail"]


def test_arguments_may_be_json(tool):
    arguments = json.dumps({"driver": "file", "filename": "/srv/a", "node-name": "n"})
    assert explain(tool, "--label", "tenant=acme", "unix:alice", "db", "blockdev-add", arguments)["allowed"]


def test_without_arguments_it_depends(tool):
    said = explain(tool, "unix:alice", "db", "blockdev-add", "--label=tenant=acme")
    assert said["allowed"] and said["depends"] and said["reason"] == "it depends on the arguments"


def test_arguments_that_the_command_does_not_take_are_refused(tool):
    said = explain(tool, "unix:alice", "db", "blockdev-add", "driver=file", "--label", "tenant=acme", code=DENIED)
    assert said["reason"] == "Parameter 'filename' is missing"
    assert "rule" not in said and "the policy was not asked" in said["detail"]


def test_a_name_alone_says_little_of_what_reaches_the_host(tool):
    policy = tool.write("named", role('allow = {"device_add", "stop"}'))
    for command, told in ("device_add", True), ("stop", False):
        said = tool.json("explain", policy, "unix:a", "web1", command)
        assert said["allowed"] and ("arguments that reach the host take a rule" in said["detail"]) is told


def test_a_command_that_is_misspelt_is_told(tool):
    said = explain(tool, "unix:alice", "web1", "query-statsu", code=DENIED)
    assert said["detail"] == "the schema has no command of that name"


def test_labels_uuids_and_attributes_count(tool):
    explain(tool, "unix:carol", "web1", "query-status", code=DENIED)
    assert explain(tool, "unix:carol", "web1", "query-status", "--attribute", "unix-group:ops")["allowed"]
    text = 'role "a" { allow = {"stop"} }\ngrant "g" { to = {"unix:a"} role = {"a"} vms = {"uuid:%s"} }\n'
    uuid = "11111111-2222-3333-4444-555555555555"
    path = tool.write("q", text % uuid)
    assert tool.json("explain", path, "unix:a", "v", "stop", "--uuid", uuid.upper())["allowed"]
    assert not tool.json("explain", path, "unix:a", "v", "stop", code=DENIED)["allowed"]


def test_a_verdict_is_laid_out_for_people(tool):
    done = tool.cli("--pretty", "policy", "explain", tool.write("p", POLICY), "unix:alice", "web1", "stop", **tool.env)
    assert done.code == DENIED and done.stdout.startswith("refused: no rule allows it\nby: default\n")


@pytest.mark.parametrize("words", [
    ("unix:alice", "web1"), ("alice", "web1", "stop"), ("unix-group:ops", "web1", "stop"),
    ("unix:alice", "web1", "stop", "--attribute", "unix:bob"), ("unix:alice", "web1", "stop", "--label", "x"),
    ("unix:alice", "web1", "stop", "a=1", "a=2"),
])
def test_a_question_that_cannot_be_meant_is_refused(tool, words):
    done = tool("explain", tool.write("p", POLICY), *words)
    assert done.code == USAGE and done.stdout == ""


# --- effective

RICH = """
role "viewer" {
    allow  = {"query-status", "query-block"}
    events = {"STOP"}
    hmp    = {"info status"}
    redact = {"query-block: [].inserted.file"}
}
role "disks" {
    include = {"viewer"}
    allow   = {"device_add"}
    deny    = {"query-block"}
    rule "images" { commands = {"blockdev-add"} when = {"driver is file", "filename under /srv/%{label.tenant}"} }
    rule "guest"  { events = {"RESET"} when = {"guest is true"} }
}
group "portals" { members = {"unix:bob", "x509:CN=p*"} }
grant "view"  { to = {"unix:alice", "unix-group:ops"} role = {"viewer"} vms = {"web*"} }
grant "disks" { to = {"unix:alice"} role = {"disks"} vms = {"label:tenant=*"} }
grant "admin" { to = {"unix:root"} admin = {"stats", "reload"} }
delegate "d"  { from = {"group:portals"} to = {"unix:alice", "sasl:*@x"} }
"""


def effective(tool, *words):
    return tool.json("effective", tool.write("p", RICH), *words)


def test_commands_and_events_of_somebody(tool):
    got = effective(tool, "unix:alice", "web1")
    assert got["sees"] and got["grants"] == ["view"]
    assert got["commands"]["allowed"] == ["query-block", "query-status"]
    assert [d["command"] for d in got["commands"]["depends"]] == ["human-monitor-command"]
    assert got["events"] == {"allowed": ["STOP"], "depends": [], "refused": 51}
    assert got["hmp"] == ["info status"] and got["admin"] == []
    assert got["redacted"] == [{"command": "query-block", "path": "[].inserted.file"}]


def test_what_depends_is_told_with_its_rules(tool):
    got = effective(tool, "unix:alice", "db", "--label", "tenant=acme")
    depends = {d["command"]: d for d in got["commands"]["depends"]}
    (images,) = depends["blockdev-add"]["rules"]
    assert images == {"rule": 'grant "disks" role "disks" rule "images"', "line": 12,
                      "when": ["driver is file", "filename under /srv/%{label.tenant}"]}
    assert depends["device_add"] == {"command": "device_add", "unless-it-reaches-the-host": "allowed", "rules": []}
    assert got["commands"]["allowed"] == ["query-status"]
    assert got["events"]["depends"][0]["event"] == "RESET"


def test_a_rule_whose_variable_has_no_value_never_applies(tool):
    got = effective(tool, "unix:alice", "db", "--label", "tenant=a/b")
    (rule,) = [d for d in got["commands"]["depends"] if d["command"] == "blockdev-add"][0]["rules"]
    assert rule["never"] is True


def test_who_has_no_grant_has_nothing(tool):
    got = effective(tool, "unix:carol", "web1")
    assert not got["sees"] and got["grants"] == [] and got["commands"] == {"allowed": [], "depends": [], "refused": 216}
    assert effective(tool, "unix:carol", "web1", "--attribute", "unix-group:ops")["grants"] == ["view"]


def test_administration_and_delegation_are_told(tool):
    assert effective(tool, "unix:root", "web1")["admin"] == ["reload", "stats"]
    assert effective(tool, "unix:bob", "web1")["acts-for"] == [{"section": "d", "to": ["unix:alice", "sasl:*@x"]}]
    by = effective(tool, "unix:alice", "web1")["acted-for-by"]
    assert by == [{"section": "d", "from": "unix:bob"}, {"section": "d", "from": "x509:CN=p*"}]
    assert effective(tool, "unix:root", "web1")["acted-for-by"] == []


def test_without_a_machine_it_tells_where(tool):
    got = effective(tool, "unix:alice")
    assert got["where"] == [{"grant": "view", "line": 16, "roles": ["viewer"], "vms": ["web*"]},
                            {"grant": "disks", "line": 17, "roles": ["disks"], "vms": ["label:tenant=*"]}]
    assert "commands" not in got and got["acted-for-by"][0]["section"] == "d"
    assert effective(tool, "unix:root")["admin"] == ["reload", "stats"]
    assert effective(tool, "unix:carol")["where"] == []
    assert effective(tool, "unix:carol", "--attribute", "unix-group:ops")["where"][0]["grant"] == "view"


def test_labels_belong_to_a_machine(tool):
    assert tool("effective", tool.write("p", RICH), "unix:alice", "--label", "a=b").code == USAGE


def laid_out(tool, *words):
    done = tool.cli("--pretty", "policy", "effective", tool.write("p", RICH), *words, **tool.env)
    assert done.code == OK and done.stderr == "", done.stderr
    return done.stdout


def test_what_somebody_may_do_is_laid_out_for_people(tool):
    text = laid_out(tool, "unix:alice", "db", "--label", "tenant=acme")
    assert text.startswith("unix:alice on db\ngrants          disks\ncommands        query-status\n")
    assert """
  blockdev-add
    grant "disks" role "disks" rule "images" (line 12)
        driver is file
        filename under /srv/%{label.tenant}
  device_add: with nothing that reaches the host
""" in text
    assert "\nnot shown       query-block: [].inserted.file\n" in text and "{" not in text.replace("%{", "")


def test_a_transaction_is_laid_out_as_what_it_is(tool):
    done = tool.cli("--pretty", "policy", "effective", tool.write("p", role('allow = {"transaction"}')), "unix:a", "v", **tool.env)
    assert "\n  transaction: each action as the command of its name\n" in done.stdout


def test_where_somebody_may_do_anything_is_laid_out_for_people(tool):
    assert laid_out(tool, "unix:bob") == "unix:bob\nnamed in no grant\nacts for by\n  d             unix:alice, sasl:*@x\n"
    assert laid_out(tool, "unix:alice").startswith(
        "unix:alice\ngrant view (line 16)\n  roles         viewer\n  machines      web*\n")


# --- diff


def differences(tool, change, code=FOUND):
    """By (identity, VM), of RICH and of what `change` makes of it."""
    old, new = tool.write("old", RICH), tool.write("new", change(RICH))
    assert new != old and (code == OK or change(RICH) != RICH)
    done = tool("diff", old, new)
    assert done.code == code and done.stderr == "", done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {(d.pop("identity"), d.pop("vm", None)): {k: v for k, v in d.items() if k != "as"} for d in found}


def test_what_says_the_same_in_other_words_is_no_difference(tool):
    def change(text):
        return text.replace('"query-status", "query-block"', '"query-block", "query-stat?s"').replace(
            '"driver is file", "filename under /srv/%{label.tenant}"',
            '"filename under /srv/%{label.tenant}", "driver is file"').replace('rule "images"', 'rule "pictures"')
    assert differences(tool, change, OK) == {}


def test_a_command_is_gained_by_everybody_who_has_the_role(tool):
    got = differences(tool, lambda t: t.replace('{"query-status", ', '{"query-status", "stop", '))
    assert got == {who: {"gained": ["stop"]} for who in [
        ("unix:alice", "web*"), ("unix:alice", "label:tenant=*"), ("unix-group:ops", "web*")]}


def test_a_command_that_is_denied_now_is_lost(tool):
    got = differences(tool, lambda t: t.replace('deny    = {"query-block"}', 'deny    = {"query-*"}'))
    assert got == {("unix:alice", "label:tenant=*"): {"lost": ["query-status", "hmp:info status"]}}


def test_other_conditions_are_a_change(tool):
    got = differences(tool, lambda t: t.replace("driver is file", "driver is qcow2"))
    assert got == {("unix:alice", "label:tenant=*"): {"changed": [{
        "name": "blockdev-add",
        "rules-gone": ["driver is file, filename under /srv/%{label.tenant}"],
        "rules-added": ["driver is qcow2, filename under /srv/%{label.tenant}"]}]}}


def test_what_only_depends_now_is_lost_in_part(tool):
    got = differences(tool, lambda t: t.replace(
        '{"query-status", "query-block"}', '{"query-block"} rule "s" { commands = {"query-status"} when = {"** any"} }'))
    assert got["unix:alice", "web*"] == {"lost": ["query-status (depends)"], "changed": [
        {"name": "query-status", "rules-gone": [], "rules-added": ["** any"]}]}


def test_events_words_and_redactions_are_compared(tool):
    got = differences(tool, lambda t: t.replace('{"STOP"}', '{"RESET"}').replace("info status", "info version")
                      .replace("[].inserted.file", "[].device"))
    assert got["unix:alice", "web*"] == {
        "gained": ["event:RESET", "hmp:info version", "reply:query-block: [].inserted.file"],
        "lost": ["event:STOP", "hmp:info status", "reply:query-block: [].device"]}


def test_a_grant_that_is_gone_takes_the_vm_from_sight(tool):
    got = differences(tool, lambda t: "\n".join(line for line in t.splitlines() if 'grant "disks"' not in line))
    (lost,) = got.values()
    assert lost["lost"][0] == "sees the VM" and "query-status" in lost["lost"] and "blockdev-add" in lost["lost"]


def test_administration_and_delegation_are_compared(tool):
    got = differences(tool, lambda t: t.replace('"stats", "reload"', '"stats", "sessions"').replace('"unix:bob", ', ""))
    assert got == {("unix:root", None): {"gained": ["admin:sessions"], "lost": ["admin:reload"]},
                   ("unix:bob", None): {"lost": ["acts for unix:alice", "acts for sasl:*@x"]}}


def test_a_new_member_of_a_group_is_somebody(tool):
    old = 'role "a" { allow = {"stop"} }\ngroup "o" { members = {"unix:x"} }\n' \
          'grant "g" { to = {"group:o"} role = {"a"} vms = {"v"} }\n'
    new = old.replace('"unix:x"', '"unix:x", "x509:CN=ops-*,O=E,*"')
    done = tool("diff", tool.write("old", old), tool.write("new", new))
    assert done.code == FOUND
    assert json.loads(done.stdout) == {"identity": "x509:CN=ops-*,O=E,*", "as": "x509:CN=ops-any,O=E", "vm": "v",
                                       "gained": ["sees the VM", "stop"]}


def test_a_policy_with_errors_is_not_compared(tool):
    done = tool("diff", tool.write("old", RICH), tool.write("new", "grant"))
    assert done.code == ERRORS and done.stdout == ""


# --- drift


class Schema:
    """The pinned schema, to be changed."""

    def __init__(self):
        with open(SCHEMA) as f:
            self.elements = json.load(f)
        self.by = {e["name"]: e for e in self.elements}

    def arguments(self, command):
        return self.by[self.by[command]["arg-type"]]

    def member_type(self, command, member):
        (found,) = [m for m in self.arguments(command)["members"] if m["name"] == member]
        return self.by[found["type"]]

    def add(self, name, like, **changes):
        self.elements.append({**self.by[like], "name": name, **changes})

    def write(self, tool, name="new.json"):
        return tool.write(name, json.dumps(self.elements))


def set_values(enum, values):
    enum["values"] = values
    if "members" in enum:
        enum["members"] = [{"name": v} for v in values]


def drift(tool, schema, *policy, code=FOUND):
    done = tool("drift", SCHEMA, schema.write(tool), *policy)
    assert done.code == code and done.stderr == "", done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_same_schema_has_not_drifted(tool):
    assert drift(tool, Schema(), tool.write("p", RICH), code=OK) == []


def test_a_new_command_is_opened_by_no_wildcard(tool):
    schema = Schema()
    schema.add("query-frob", "query-status")
    schema.add("FROB", "STOP")
    text = 'role "a" { allow = {"*", "@query"} events = {"*"} }\n' \
           'grant "g" { to = {"unix:a"} role = {"a"} vms = {"*"} }\n'
    assert drift(tool, schema, tool.write("p", text)) == [
        {"command": "query-frob", "change": "new", "reviewed": False, "allowed-by": []},
        {"event": "FROB", "change": "new", "reviewed": False, "allowed-by": []}]


def test_a_new_command_is_opened_by_its_name(tool):
    schema = Schema()
    schema.add("query-frob", "query-status")
    text = 'role "a" { allow = {"query-frob"} }\nrole "b" { include = {"a"} deny = {"query-f*"} }\n' \
           'grant "g" { to = {"unix:a"} role = {"a", "b"} vms = {"*"} }\n'
    (new,) = drift(tool, schema, tool.write("p", text))
    assert new["allowed-by"] == ['grant "g" role "a"']


def test_what_is_gone_is_told_and_where_the_policy_names_it(tool):
    schema = Schema()
    schema.elements = [e for e in schema.elements if e["name"] not in ("x-colo-lost-heartbeat", "GUEST_PANICKED")]
    path = tool.write("p", role('allow = {"x-colo-lost-heartbeat"}\nevents = {"GUEST_PANICKED"}'))
    assert drift(tool, schema, path) == [
        {"command": "x-colo-lost-heartbeat", "change": "gone"}, {"event": "GUEST_PANICKED", "change": "gone"},
        {"policy": path + ":2", "change": '"x-colo-lost-heartbeat": no schema has a command of that name'},
        {"policy": path + ":3", "change": '"GUEST_PANICKED": no schema has an event of that name'}]


def test_new_members_are_not_reviewed(tool):
    schema = Schema()
    schema.arguments("balloon")["members"].append({"name": "file", "type": "str", "default": None})
    got = drift(tool, schema)
    assert got[0] == {"command": "balloon", "change": "new member file"}
    assert got[1] == {"argument": "balloon: file", "change": "not reviewed: it counts as reaching the host"}


def test_values_that_come_and_go_are_told_by_their_path(tool):
    schema = Schema()
    set_values(schema.member_type("blockdev-snapshot-sync", "mode"), ["absolute-paths", "shiny"])
    got = drift(tool, schema, tool.write("p", role(rule('"blockdev-snapshot-sync"', "mode is existing"))))
    changes = [d["change"] for d in got if d.get("command") == "blockdev-snapshot-sync" and d["path"] == "mode"]
    assert changes == ["new value shiny", "value existing is gone"]
    assert any("argument" in d and d["argument"].endswith("mode =shiny") for d in got)
    assert '"mode is existing": mode is never existing' in got[-1]["change"]


def test_a_member_that_must_be_given_now_and_one_of_another_type(tool):
    schema = Schema()
    (value,) = [m for m in schema.arguments("balloon")["members"] if m["name"] == "value"]
    value["type"] = "str"
    schema.arguments("screendump")["members"] = [
        {k: v for k, v in m.items() if k != "default"} for m in schema.arguments("screendump")["members"]]
    got = {(d["command"], d.get("path"), d["change"]) for d in drift(tool, schema) if "command" in d}
    assert ("balloon", "value", "was a whole number, is a string") in got
    assert ("screendump", None, "member device must be given now") in got


def test_a_schema_that_is_not_there_is_told(tool):
    assert tool("drift", SCHEMA, tool.path("nowhere")).code == LOCAL
    assert tool("drift", SCHEMA).code == USAGE


# --- learn


def intent(command, identity="unix:alice", vm="web1", **more):
    record = {"v": 1, "seq": 1, "type": "intent", "identity": identity, "vm": vm, "command": command, **more}
    return json.dumps(record) + "\n"


def add_disk(path, driver="qcow2"):
    return {"arguments": {"driver": driver, "node-name": "n", "file": {"driver": "file", "filename": path}}}


def learn(tool, *records, options=(), code=OK):
    """The policy, which `check` has nothing to say about."""
    done = tool("learn", *options, tool.write("audit.log", "".join(records)))
    assert done.code == code, done.stderr
    learned = tool.write("learned", done.stdout)
    checked = tool("check", "--strict", learned)
    assert checked.code == OK and "warning" not in checked.stdout, checked.stdout  # of images there are notes
    return done


def allows(tool, *words):
    return tool("explain", tool.path("learned"), *words).code == OK


def test_what_was_run_is_allowed_and_nothing_else(tool):
    learn(tool, intent("query-status"), intent("stop", vm="web2"), intent("cont", identity="unix:bob"))
    assert allows(tool, "unix:alice", "web1", "query-status", "{}")
    assert allows(tool, "unix:alice", "web2", "stop", "{}")
    for refused in [("unix:alice", "web1", "stop"), ("unix:alice", "web2", "query-status"),
                    ("unix:bob", "web1", "query-status"), ("unix:alice", "web3", "stop"),
                    ("unix:alice", "web1", "query-name")]:
        assert not allows(tool, *refused)


@pytest.mark.parametrize("kind", ["refused", "outcome", "attach"])
def test_what_was_not_sent_is_not_learned(tool, kind):
    done = learn(tool, intent("stop", type=kind))
    assert "stop" not in done.stdout


def test_rights_are_those_of_who_is_acted_for(tool):
    learn(tool, intent("stop", identity="x509:CN=portal", **{"acting-for": "sasl:bob@x"}))
    assert allows(tool, "sasl:bob@x", "web1", "stop") and not allows(tool, "x509:CN=portal", "web1", "stop")


def test_files_are_allowed_below_the_directory_that_all_are_in(tool):
    learn(tool, intent("blockdev-add", **add_disk("/srv/acme/a/1")), intent("blockdev-add", **add_disk("/srv/acme/b/2")))

    def may(path, driver="qcow2"):
        return allows(tool, "unix:alice", "web1", "blockdev-add", json.dumps(add_disk(path, driver)["arguments"]))
    assert may("/srv/acme/c") and may("/srv/acme/b/2")
    assert not may("/srv/globex/a") and not may("/srv/acme2/a") and not may("/srv/acme/../x") and not may("/etc/passwd")
    assert not may("/srv/acme/c", driver="raw")


def test_files_all_over_the_host_are_allowed_below_their_own_directories(tool):
    done = learn(tool, intent("blockdev-add", **add_disk("/srv/a/1")), intent("blockdev-add", **add_disk("/home/b/2")))
    assert "file.filename under /home/b /srv/a" in done.stdout


def test_sizes_are_rounded_up_and_addresses_are_not(tool):
    done = learn(tool, intent("block_resize", arguments={"node-name": "a", "size": 1500000000}),
                 intent("block_resize", arguments={"node-name": "a", "size": 5}),
                 intent("migrate", arguments={"uri": "tcp:10.0.0.1:4444"}))
    assert '"size at-most 2G"' in done.stdout and '"uri in tcp:10.0.0.1:4444"' in done.stdout
    assert not allows(tool, "unix:alice", "web1", "migrate", "uri=tcp:10.0.0.1:4445")
    assert not allows(tool, "unix:alice", "web1", "block_resize", "node-name=a", "size=3000000000")


def test_a_choice_that_was_not_always_made_may_be_absent(tool):
    snapshot = {"device": "d", "snapshot-file": "/srv/x/y"}
    done = learn(tool, intent("blockdev-snapshot-sync", arguments={**snapshot, "mode": "existing"}),
                 intent("blockdev-snapshot-sync", arguments=snapshot))
    assert '"mode? in existing"' in done.stdout
    asked = ("unix:alice", "web1", "blockdev-snapshot-sync", "device=d", "snapshot-file=/srv/x/z")
    assert allows(tool, *asked) and not allows(tool, *asked, "mode=absolute-paths")


def test_what_the_audit_hides_may_be_anything(tool):
    done = learn(tool, intent("set_password", arguments={"protocol": "vnc", "password": "[redacted]"}))
    assert '"password any"' in done.stdout and '"protocol in vnc"' in done.stdout


def test_actions_and_words_are_learned_one_by_one(tool):
    action = {"type": "blockdev-snapshot-sync", "data": {"device": "d", "snapshot-file": "/srv/x/y"}}
    learn(tool, intent("transaction", arguments={"actions": [action, {"type": "abort", "data": {}}]}),
          intent("human-monitor-command", arguments={"command-line": "info status"}))
    assert allows(tool, "unix:alice", "web1", "blockdev-snapshot-sync", "device=d", "snapshot-file=/srv/x/z")
    assert allows(tool, "unix:alice", "web1", "human-monitor-command", "command-line=info status")
    assert not allows(tool, "unix:alice", "web1", "human-monitor-command", "command-line=info block")


def test_names_are_taken_as_they_are(tool):
    learn(tool, intent("stop", identity="x509:CN=a*\\,b,O=E"), intent("stop", vm="a:b"))
    assert allows(tool, "x509:CN=a*\\,b,O=E", "web1", "stop") and allows(tool, "unix:alice", "a:b", "stop")
    assert not allows(tool, "x509:CN=ax\\,b,O=E", "web1", "stop")


@pytest.mark.parametrize("record", [
    intent("stop", vm="web*"), intent("stop", identity="unix:a*"), intent("stop", identity="alice"),
    intent("frobnicate"), intent("human-monitor-command", arguments={"command-line": "frobnicate"}),
    intent("migrate", arguments={"uri": "exec:a", "we.ird": {"a": 1}}),
    intent("transaction", arguments={"actions": [{"type": 1, "data": {}}]}),
    intent("transaction", arguments={"actions": [1]}),
    intent("transaction", arguments={"actions": [{"type": "block_resize", "data": []}]}),
])
def test_what_cannot_be_learned_is_told(tool, record):
    done = learn(tool, intent("cont"), record, code=FOUND)
    assert "audit.log:2: not learned: " in done.stderr and allows(tool, "unix:alice", "web1", "cont")
    assert not allows(tool, "unix:alice", "web7", "stop")


def test_administration_is_learned_by_name(tool):
    done = learn(tool, intent("gateway-stats"), intent("gateway-reload", type="refused", result="denied"))
    assert 'admin = {"stats"}' in done.stdout and "reload" not in done.stdout


def test_people_who_did_the_same_share_a_role(tool):
    done = learn(tool, intent("stop"), intent("stop", identity="unix:bob"), intent("stop", vm="web2"),
                 intent("stop", identity="unix:bob", vm="web2"))
    assert done.stdout.count("role \"") == 1 and 'to   = {"unix:alice", "unix:bob"}' in done.stdout
    assert 'vms  = {"web1", "web2"}' in done.stdout


def test_vms_are_generalised_when_that_is_asked_for(tool):
    records = [intent("stop"), intent("cont", vm="web22")]
    assert "web*" not in learn(tool, *records).stdout
    assert 'vms  = {"name:web*"}' in learn(tool, *records, options=["--generalise"]).stdout
    assert allows(tool, "unix:alice", "web1", "cont") and allows(tool, "unix:alice", "web9", "stop")
    other = learn(tool, intent("stop"), intent("stop", vm="db"), options=["--generalise"])
    assert 'vms  = {"db", "web1"}' in other.stdout


def test_a_line_that_is_being_written_is_passed_over_and_one_that_is_no_record_is_not(tool):
    assert 'allow = {"stop"}' in learn(tool, intent("stop"), intent("cont")[:-9]).stdout
    done = tool("learn", tool.write("audit.log", intent("stop") + "nonsense\n" + intent("cont")))
    assert done.code == LOCAL and "audit.log:2: this is no record" in done.stderr and done.stdout == ""


def test_the_log_of_a_gateway_is_learned_from(tool, house):
    vm = house.qemu("web1")
    gateway = house.gateway(vm)
    gateway.start()
    client = gateway.client("web1", cert="operator")
    client.call("query-status")
    client.close()
    done = tool("learn", gateway.audit_file)
    assert done.code == OK and '"query-status"' in done.stdout and "CN=operator" in done.stdout, done.stdout


# --- guest agents

AGENT = """
role "looks" {{ allow = {{"@query"}} {more} }}
role "plain" {{ allow = {{"stop"}} }}
grant "monitors" {{ to = {{"unix:a"}} role = {{"plain"}} vms = {{"web*"}} }}
grant "agents" {{ to = {{"unix:a"}} role = {{"looks"}} vms = {{"web*"}} qemu_agent = true }}
"""
UPTIME = 'rule "uptime" { commands = {"guest-exec"} when = {"path is /usr/bin/uptime"} }'


def test_an_agent_is_explained_by_its_own_schema_and_grants(tool):
    path = tool.write("p", AGENT.format(more=UPTIME))
    assert tool("explain", path, "unix:a", "web1:agent", "guest-ping").code == OK
    assert tool("explain", path, "unix:a", "web1:agent", "stop").code == DENIED
    assert tool("explain", path, "unix:a", "web1", "guest-ping").code == DENIED
    assert tool("explain", path, "unix:a", "web1:agent", "guest-exec", "path=/usr/bin/uptime").code == OK
    done = tool("explain", path, "unix:a", "web1:agent", "guest-exec", 'env:=["A=B"]', "path=/usr/bin/uptime")
    assert done.code == DENIED and "env" in done.stdout


def test_what_somebody_may_do_at_an_agent_is_not_what_he_may_at_the_vm(tool):
    path = tool.write("p", AGENT.format(more=UPTIME))
    here, there = (tool.json("effective", path, "unix:a", vm) for vm in ("web1", "web1:agent"))
    assert (here["grants"], there["grants"]) == (["monitors"], ["agents"])
    assert (here["agent"], there["agent"]) == (False, True) and there["vm"] == "web1"
    assert here["commands"]["allowed"] == ["stop"]
    assert "guest-ping" in there["commands"]["allowed"] and "guest-exec" not in there["commands"]["allowed"]
    assert [e["command"] for e in there["commands"]["depends"]] == ["guest-exec"]


def test_a_right_that_is_gained_at_an_agent_is_a_difference(tool):
    old, new = (tool.write(name, AGENT.format(more=more)) for name, more in (("old", ""), ("new", UPTIME)))
    done = tool("diff", old, new)
    assert done.code == FOUND
    (found,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert found["vm"] == "web*:agent" and "guest-exec" in json.dumps(found["gained"])
    closed = tool.write("closed", AGENT.format(more="").replace(" qemu_agent = true", ""))
    found = [json.loads(line) for line in tool("diff", old, closed).stdout.splitlines()]
    assert "sees the agent" in json.dumps([f for f in found if f["vm"] == "web*:agent"][0]["lost"])


def test_check_knows_the_commands_of_agents_where_a_grant_is_for_them(tool):
    assert tool.check(AGENT.format(more=UPTIME)) == []
    assert any("no schema has a command of that name" in line for line in tool.check(role('allow = {"guest-ping"}')))
    (line,) = tool.check(role('allow = {"stop"}').replace("vms =", "qemu_agent = true vms ="))
    assert "opens nothing: its roles allow no command of guest agents" in line


def test_a_table_asks_about_agents(tool):
    path = tool.write("p", AGENT.format(more=UPTIME))
    table = tool.write("t", "unix:a web1:agent guest-ping -> allow\nunix:a web1 cont -> deny\nunix:a web1:agent guest-exec -> allow\n")
    done = tool("test", path, table)
    assert done.code == FOUND and done.stdout.splitlines() == [
        f'{table}:3: unix:a web1:agent guest-exec: depends (grant "agents" role "looks" rule "uptime"), not allow']


def test_what_runs_in_guests_is_not_learned(tool):
    record = {"v": 1, "seq": 1, "time": "2026-09-21T14:13:20.123456Z", "type": "intent", "connection": 1, "request": 1, "peer": "unix",
              "identity": "unix:a", "vm": "web1:agent", "command": "guest-ping", "rule": "x", "hash": "0" * 64}
    done = tool("learn", tool.write("log", json.dumps(record) + "\n"))
    assert done.code == FOUND and "guest-ping" not in done.stdout and "for you to say" in done.stderr
