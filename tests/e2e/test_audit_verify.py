"""qmpgate audit verify: whatever somebody does to a log is found, and said where and what."""

import json
import os
import shutil
import subprocess

import pytest

from harness import auditlog, wait
from harness.auditlog import Key, Log, digest_of, edit, parse, renumbered, seekable, zstd
from harness.cli import LOCAL, OK, USAGE, Terminal
from harness.cli_fixtures import cli  # noqa: F401
from harness.pki import SOURCE

BAD = 1


class Auditor:
    """Looks at a log with the public key."""

    def __init__(self, cli, key):
        self.cli, self.key = cli, key

    def __call__(self, log, *options, code=OK, key=True):
        words = ["--key", self.key.public] if key and self.key else []
        done = self.cli("audit", "verify", log, *words, *options)
        assert done.code == code, done.stdout + done.stderr
        return done

    def json(self, log, *options, code=OK, **how):
        return json.loads(self(log, "--json", *options, code=code, **how).stdout)

    def finds(self, log, fault, *options, record=None, line=None, words=None, file=None, **how):
        """The first thing that is found."""
        found = self.json(log, *options, code=BAD, **how)["found"]
        first = found[0]
        assert first["fault"] == fault, found
        assert record is None or first.get("record") == record, found
        assert line is None or first.get("line") == line, found
        assert words is None or words in first["text"], found
        assert file is None or first["file"] == file, found
        return found


@pytest.fixture(scope="module")
def keys(module_place):
    return Key(module_place, "ours"), Key(module_place, "theirs")


@pytest.fixture(scope="module")
def made(module_place, keys):
    """Three segments of 12 commands, the first compressed, the last still written. 10 records a seal."""
    log = Log(module_place, "made", key=keys[0])
    log.begin()
    log.add("start")
    log.seal("start")
    log.fill(12)
    log.rotate(compress=seekable)
    log.fill(12)
    log.rotate()
    log.fill(12)
    log.write()
    return log


@pytest.fixture
def log(made, place):
    """A copy to be changed."""
    copy = Log.__new__(Log)
    copy.__dict__.update(made.__dict__)
    copy.lines, copy.exported = list(made.lines), list(made.exported)
    copy.directory = os.path.join(place, "log")
    shutil.copytree(made.directory, copy.directory)
    copy.path = os.path.join(copy.directory, "audit.jsonl")
    return copy


@pytest.fixture
def auditor(cli, keys):
    return Auditor(cli, keys[0])


def index(lines, type, n=0):
    """The n-th line of that type."""
    return [i for i, line in enumerate(lines) if b'"type":"%s"' % type.encode() in line][n]


# --- what is good ---------------------------------------------------------------------------------


def test_a_good_log_is_good(auditor, log, keys):
    said = auditor.json(log.directory)
    assert said["good"] and said["found"] == []
    assert (said["first"], said["last"], said["records"]) == (1, log.seq, log.seq)
    assert (said["files"], said["segments"]) == (3, 3)
    assert said["sealed-through"] + said["unsealed"] == log.seq and said["unsealed"] < 10
    assert [k["key"] for k in said["keys"]] == [keys[0].id] and said["keys"][0]["trusted"]
    assert said["seals"] == said["seals-good"] == len(log.exported)


def test_the_summary_is_in_words(auditor, log):
    said = auditor(log.directory).stdout
    assert f"{log.seq} records, 1 to {log.seq}, in 3 files" in said
    assert "Sealed through record" in said and "Good" in said


def test_quiet_says_only_what_is_wrong(auditor, log):
    assert auditor(log.directory, "--quiet").stdout == ""
    edit(log.path, lambda lines: lines.pop(3) and None)
    said = auditor(log.directory, "--quiet", code=BAD).stdout
    assert len(said.splitlines()) == 1 and "is missing before it" in said


def test_files_may_be_named_one_by_one_in_any_order(auditor, log):
    assert auditor.json(log.path, log.closed(1, ".zst"), log.closed(2))["records"] == log.seq


def test_names_do_not_matter(auditor, log):
    os.rename(log.closed(1, ".zst"), os.path.join(log.directory, "z"))
    os.rename(log.closed(2), os.path.join(log.directory, "audit.jsonl.1"))
    auditor(log.directory)


def test_without_a_key_hashes_are_checked_and_signatures_not(auditor, log):
    said = auditor.json(log.directory, key=False)
    assert said["sealed-through"] == 0 and any("no key" in n["text"] for n in said["notes"])


def test_the_line_that_is_being_written_is_no_fault(auditor, log):
    with open(log.path, "ab") as f:
        f.write(b'{"v":1,"seq":999,"ti')
    assert auditor.json(log.directory)["torn"] == 20


def test_a_file_and_what_it_was_just_compressed_to(auditor, log):
    text = auditlog.read(log.closed(2))
    with open(log.closed(2, ".zst"), "wb") as f:
        f.write(seekable(text))
    assert auditor.json(log.directory)["files"] == 3
    with open(log.closed(2, ".zst"), "wb") as f:
        f.write(seekable(text.replace(b"alice", b"bobby", 1)))
    auditor.finds(log.directory, "damaged", file=log.closed(2, ".zst"))


def test_compressed_by_zstd_alone(auditor, log):
    text = auditlog.read(log.closed(2))
    with open(log.closed(2, ".zst"), "wb") as f:
        f.write(zstd(text))
    os.unlink(log.closed(2))
    auditor(log.directory)


def test_a_seal_from_elsewhere_that_agrees(auditor, log):
    for which in (0, -1):
        assert auditor.json(log.directory, "--from-seal", log.export(which))["outside"] == 1


# --- tampering: records ---------------------------------------------------------------------------


def test_1_a_record_is_edited(auditor, log):
    edit(log.path, lambda lines: lines.__setitem__(4, lines[4].replace(b"alice", b"mallo")))
    auditor.finds(log.directory, "hash", line=5, record=parse(log.lines[4])["seq"], file=log.path)


def test_2_a_record_is_dropped(auditor, log):
    gone = parse(log.lines[4])["seq"]
    edit(log.path, lambda lines: lines.pop(4) and None)
    auditor.finds(log.directory, "missing", line=5, record=gone + 1, words=f"record {gone} is missing")


def test_3_two_records_are_swapped(auditor, log):
    edit(log.path, lambda lines: lines.__setitem__(slice(4, 6), lines[5:3:-1]))
    found = auditor.finds(log.directory, "missing", line=5)
    assert found[1]["fault"] == "order" and found[1]["line"] == 6


def test_4_a_record_is_doubled(auditor, log):
    edit(log.path, lambda lines: lines.insert(4, lines[4]))
    assert len(auditor.finds(log.directory, "order", line=6)) == 1


def test_5_a_record_is_put_in_and_the_rest_computed_anew(auditor, log):
    def change(lines):
        start = index(lines, "intent", 3)
        new = renumbered([lines[start], *lines[start:]], digest_of(lines[start - 1]), parse(lines[start])["seq"])
        return lines[:start] + new
    edit(log.path, change)
    auditor.finds(log.directory, "seal-digest", file=log.path, words="rewritten")


def test_6_a_record_is_edited_and_the_rest_computed_anew(auditor, log):
    def change(lines):
        lines[4] = lines[4].replace(b"alice", b"mallo")
        return lines[:4] + renumbered(lines[4:], digest_of(lines[3]), parse(lines[4])["seq"])
    edit(log.path, change)
    auditor.finds(log.directory, "seal-digest", file=log.path)


def test_7_the_whole_rest_is_computed_anew_without_seals(auditor, log):
    """A log that goes on for longer than its seals promise."""
    def change(lines):
        start = index(lines, "intent", 2)
        rest = [line for line in lines[start:] if b'"type":"seal"' not in line] * 8
        when = [parse(line)["time"].encode() for line in lines[start:]]
        log.us = auditlog.EPOCH * 1000000 + 3600 * 1000000
        made = []
        for line in rest:
            made.append(line.replace(parse(line)["time"].encode(), log.time().encode()))
            log.us += 1000000
        assert when
        return lines[:start] + renumbered(made, digest_of(lines[start - 1]), parse(lines[start])["seq"])
    edit(log.path, change)
    auditor.finds(log.directory, "seal-late", file=log.path, words="goes on without a seal")


def test_8_members_are_put_in_another_order(auditor, log):
    def change(lines):
        r = parse(lines[4])
        r["vm"], r["command"] = r.pop("vm"), r.pop("command")
        end = r.pop("hash")
        lines[4] = auditlog.compact({**r, "hash": end}).encode() + b"\n"
    edit(log.path, change)
    auditor.finds(log.directory, "hash", line=5)


def test_9_white_space_is_put_in(auditor, log):
    edit(log.path, lambda lines: lines.__setitem__(4, lines[4].replace(b',"vm":', b', "vm":')))
    auditor.finds(log.directory, "hash", line=5)


def test_10_a_hash_is_written_in_capitals(auditor, log):
    def change(lines):
        lines[4] = lines[4][:-67] + lines[4][-67:-3].upper() + lines[4][-3:]
    edit(log.path, change)
    auditor.finds(log.directory, "line", line=5, words="capital letters")


def test_11_a_line_is_blank(auditor, log):
    edit(log.path, lambda lines: lines.insert(4, b"\n"))
    auditor.finds(log.directory, "line", line=5, words="empty line")


def test_12_an_editor_made_it_crlf(auditor, log):
    edit(log.path, lambda lines: [line[:-1] + b"\r\n" for line in lines])
    auditor.finds(log.path, "line", line=1, words="CR LF")


def test_13_garbage_is_appended(auditor, log):
    with open(log.path, "ab") as f:
        f.write(b"hello\n")
    auditor.finds(log.directory, "line", line=len(log.lines) + 1, words="does not begin as one")


def test_14_zeros_are_in_the_file(auditor, log):
    edit(log.path, lambda lines: lines.__setitem__(4, bytes(len(lines[4]) - 1) + b"\n"))
    auditor.finds(log.directory, "line", line=5, words="zeros")


def test_15_a_line_without_end(auditor, log):
    edit(log.path, lambda lines: lines.insert(4, b"x" * 300000))
    auditor.finds(log.directory, "line", line=5, words="longer than any record")


# --- tampering: the ends --------------------------------------------------------------------------


def test_15_the_first_line_of_the_last_file_is_spoiled(auditor, log):
    """The file is not passed over with all that is in it."""
    edit(log.path, lambda lines: lines.__setitem__(0, b"x" + lines[0]))
    auditor.finds(log.directory, "line", line=1, file=log.path)


def test_15_what_a_crash_set_aside_is_no_part_of_the_log(auditor, log):
    with open(log.path + ".torn.7", "wb") as f:
        f.write(b'{"v":1,"seq":7,' + bytes(100) + b"\n" + log.lines[-1])
    auditor(log.directory)


def test_16_the_tail_is_cut_off(auditor, log):
    seal = log.export()
    edit(log.path, lambda lines: lines[:index(lines, "seal", -1) - 3])
    auditor(log.directory)  # alone it cannot show
    found = auditor.finds(log.directory, "cut-tail", "--from-seal", seal, words="its end was cut off")
    assert str(json.loads(log.exported[-1])["through"]) in found[0]["text"]


def test_17_the_tail_is_cut_off_inside_a_line(auditor, log):
    seal = log.export()
    text = auditlog.read(log.path)
    with open(log.path, "wb") as f:
        f.write(text[:len(text) // 2])
    auditor.finds(log.directory, "cut-tail", "--from-seal", seal)


def test_18_a_closed_segment_ends_inside_a_line(auditor, log):
    text = auditlog.read(log.closed(2))
    with open(log.closed(2), "wb") as f:
        f.write(text[:-30])
    auditor.finds(log.directory, "cut-file", file=log.closed(2), words="ends in the midst of a record")


def test_19_the_beginning_of_a_file_is_cut_off(auditor, log):
    edit(log.path, lambda lines: lines[3:])
    auditor.finds(log.directory, "cut-file", file=log.path, line=1)


def test_20_an_older_copy_is_put_back(auditor, log):
    seal = log.export()
    os.unlink(log.path)
    auditor.finds(log.directory, "cut-tail", "--from-seal", seal, words="older copy")


def test_21_another_log_of_the_same_gateway_is_put_in_its_place(auditor, log, place, keys):
    other = Log(place, "other", key=keys[0])
    other.begin()
    other.fill(60)
    other.write()
    auditor(other.directory)
    auditor.finds(other.directory, "outside", "--from-seal", log.export(), words="rewritten, or is another one")


# --- tampering: segments --------------------------------------------------------------------------


def test_22_a_segment_is_dropped(auditor, log):
    os.unlink(log.closed(2))
    auditor.finds(log.directory, "missing", file=log.path, line=1)


def test_23_a_segment_is_doubled(auditor, log):
    shutil.copy(log.closed(2), os.path.join(log.directory, "audit.jsonl.2"))
    auditor.finds(log.directory, "overlap", words="is a copy, or was put in")


def test_24_two_segments_are_swapped(auditor, log):
    """Names say nothing; so the records are given each other's numbers."""
    two, three = auditlog.read(log.closed(2)).splitlines(True), list(log.lines)
    first = parse(two[0])["seq"]
    before = bytes.fromhex(parse(two[0])["previous"])
    swapped = renumbered(three, before, first)
    with open(log.closed(2), "wb") as f:
        f.write(b"".join(swapped))
    with open(log.path, "wb") as f:
        f.write(b"".join(renumbered(two, digest_of(swapped[-1]), first + len(three))))
    auditor.finds(log.directory, "segment", line=1, file=log.closed(2))


def test_25_a_segment_of_another_chain_is_put_in(auditor, log, place, keys):
    other = Log(place, "other", key=keys[0])
    other.us += 1
    other.begin()
    other.add("start")
    other.seal("start")
    other.fill(12)
    other.rotate()
    other.fill(12)
    other.write()
    shutil.copy(other.path, log.closed(2))
    auditor.finds(log.directory, "segment", file=log.closed(2), line=1, words="another chain")


def test_26_a_segment_has_a_wrong_number(auditor, log):
    def change(lines):
        lines[0] = lines[0].replace(b'"segment":3', b'"segment":4')
        return renumbered(lines, bytes.fromhex(parse(lines[0])["previous"]), parse(lines[0])["seq"])
    edit(log.path, change)
    auditor.finds(log.directory, "segment", line=1, words="segment 3 is due")


def test_27_a_compressed_file_is_changed(auditor, log):
    path = log.closed(1, ".zst")
    text = bytearray(auditlog.read(path))
    text[len(text) // 3] ^= 0x10
    with open(path, "wb") as f:
        f.write(text)
    auditor.finds(log.directory, "damaged", file=path)


def test_28_a_compressed_file_is_made_of_another_text(auditor, log):
    path = log.closed(2)
    text = auditlog.read(path).replace(b"alice", b"mallo", 1)
    os.unlink(path)
    with open(path + ".zst", "wb") as f:
        f.write(seekable(text))
    auditor.finds(log.directory, "hash", file=path + ".zst")


def test_29_a_table_of_frames_leads_elsewhere(auditor, log):
    path = log.closed(1, ".zst")
    text = bytearray(auditlog.read(path))
    text[-9 - 8] ^= 1
    with open(path, "wb") as f:
        f.write(text)
    auditor.finds(log.directory, "damaged", file=path)


def test_30_a_compressed_file_is_cut_short(auditor, log):
    path = log.closed(1, ".zst")
    text = auditlog.read(path)
    with open(path, "wb") as f:
        f.write(text[:len(text) // 2])
    auditor.finds(log.directory, "damaged", file=path, words="cut short")


def test_31_the_first_segment_is_dropped(auditor, log):
    os.unlink(log.closed(1, ".zst"))
    said = auditor.json(log.directory)  # as by retention: a seal vouches for it
    assert any("records 1 to" in n["text"] for n in said["notes"])
    auditor.finds(log.directory, "beginning", key=False, words="no seal that was checked")
    auditor(log.directory, "--partial", key=False)


def test_31_what_the_first_record_that_is_left_follows_is_changed(auditor, log):
    def change(lines):
        previous = parse(lines[0])["previous"].encode()
        lines[0] = lines[0].replace(previous, previous[::-1], 1)
    os.unlink(log.closed(1, ".zst"))
    edit(log.closed(2), change)
    auditor.finds(log.directory, "hash", line=1, file=log.closed(2))


# --- tampering: seals -----------------------------------------------------------------------------


def test_32_seals_are_stripped(auditor, log):
    def change(lines):
        kept = [line for line in lines if b'"type":"seal"' not in line]
        return renumbered(kept, bytes.fromhex(parse(lines[0])["previous"]), parse(lines[0])["seq"])
    edit(log.closed(2), change)
    auditor(log.directory, code=BAD)
    os.unlink(log.path)
    seal = log.export()
    auditor.finds(log.directory, "cut-tail", "--from-seal", seal)


def test_33_a_seal_is_replaced_by_an_older_one(auditor, log):
    def change(lines):
        old, new = index(lines, "seal", 0), index(lines, "seal", 2)
        lines[new] = lines[old]
        return lines[:new] + renumbered(lines[new:], digest_of(lines[new - 1]), parse(lines[new - 1])["seq"] + 1)
    edit(log.path, change)
    auditor.finds(log.directory, "seal-order", words="an older seal was put here")


def test_34_seals_are_made_with_another_key(cli, log, place, keys):
    other = Log(place, "forged", key=keys[1])
    other.begin()
    other.fill(40)
    other.write()
    Auditor(cli, keys[0]).finds(other.directory, "seal-key", words="no key vouches")


def test_35_the_rest_is_forged_and_sealed_with_another_key(auditor, log, keys):
    log.lines = log.lines[:index(log.lines, "seal", 1) + 1]
    log.seq, log.digest, log.key = parse(log.lines[-1])["seq"], digest_of(log.lines[-1]), keys[1]
    log.fill(12)
    log.write()
    auditor.finds(log.directory, "seal-key")


def test_36_a_signature_is_changed(auditor, log):
    def change(lines):
        i = index(lines, "seal", 1)
        r = parse(lines[i])
        other = ("B" if r["signature"][0] == "A" else "A") + r["signature"][1:]
        lines[i] = lines[i].replace(r["signature"].encode(), other.encode())
        return lines[:i] + renumbered(lines[i:], digest_of(lines[i - 1]), r["seq"])
    edit(log.path, change)
    auditor.finds(log.directory, "seal-signature")


def test_37_a_seal_is_written_otherwise(auditor, log):
    def change(lines):
        i = index(lines, "seal", 1)
        r = parse(lines[i])
        lines[i] = lines[i].replace(b'"within":60', b'"within":6e1')
        return lines[:i] + renumbered(lines[i:], digest_of(lines[i - 1]), r["seq"])
    edit(log.path, change)
    auditor.finds(log.directory, "seal-form")


def test_38_a_promise_is_made_larger(auditor, log):
    def change(lines):
        i = index(lines, "seal", 1)
        lines[i] = lines[i].replace(b'"within":60', b'"within":6000')
        return lines[:i] + renumbered(lines[i:], digest_of(lines[i - 1]), parse(lines[i])["seq"])
    edit(log.path, change)
    auditor.finds(log.directory, "seal-signature")


def test_39_there_is_no_seal_at_all(auditor, place):
    log = Log(place, "bare")
    log.begin()
    log.fill(5)
    auditor.finds(log.write(), "seal-none")
    auditor(log.directory, key=False)


def test_40_a_seal_from_elsewhere_is_forged(auditor, log, keys, place):
    other = Log(place, "forged", key=keys[1])
    other.begin()
    other.fill(4)
    auditor.finds(log.directory, "outside", "--from-seal", other.export())


# --- keys that change -----------------------------------------------------------------------------


def test_a_key_that_the_old_one_vouches_for_counts(cli, place, keys):
    ours, theirs = keys
    log = Log(place, key=ours)
    log.begin()
    log.fill(6)
    log.seal("key", next_key=theirs)
    log.key = theirs
    log.fill(6)
    log.write()
    said = Auditor(cli, ours).json(log.directory)
    assert [k["trusted"] for k in said["keys"]] == [True, True] and said["unsealed"] < 10
    # who has the new one only: what the old one sealed is covered
    said = Auditor(cli, theirs).json(log.directory)
    assert any("later seals cover them" in n["text"] for n in said["notes"])


def test_a_key_that_was_given_up_does_not_count_again(cli, place, keys):
    ours, theirs = keys
    log = Log(place, key=ours)
    log.begin()
    log.fill(6)
    log.seal("key", next_key=theirs)
    log.key = theirs
    log.fill(6)
    log.key = ours
    log.fill(6)
    log.write()
    Auditor(cli, ours).finds(log.directory, "seal-key", words="given up")


def test_a_key_that_changes_without_a_word_is_told(cli, place, keys):
    ours, theirs = keys
    log = Log(place, key=ours)
    log.begin()
    log.fill(6)
    log.key = theirs
    log.fill(6)
    log.write()
    said = Auditor(cli, ours).json(log.directory, "--key", theirs.public)
    assert any("does not vouch for the new one" in n["text"] for n in said["notes"])
    Auditor(cli, ours).finds(log.directory, "seal-key", words="no key vouches")


# --- gaps between seals ---------------------------------------------------------------------------


def test_an_idle_gateway_owes_no_seal(auditor, place, keys):
    log = Log(place, key=keys[0])
    log.begin()
    log.fill(4)
    log.us += 7200 * 1000000
    log.fill(4)
    auditor(log.write())


def test_a_crash_and_a_late_start_are_no_gap(auditor, place, keys):
    log = Log(place, key=keys[0])
    log.begin()
    log.fill(5)  # the last command is not sealed
    log.us += 7200 * 1000000
    log.add("recovered", since=1, intents=0, sessions=0)
    log.add("start")
    log.seal("start")
    log.fill(4)
    auditor(log.write())


def test_what_a_crash_left_is_sealed_at_the_next_start(auditor, place, keys):
    log = Log(place, key=keys[0])
    log.begin()
    log.fill(5)
    log.us += 7200 * 1000000
    log.seal("start")  # before the run says that it started
    log.add("start")
    log.fill(4)
    auditor(log.write())


def test_a_seal_is_no_excuse_twice(auditor, place, keys):
    """Who has no key cannot keep a promise by the last seal again and again."""
    log = Log(place, key=keys[0])
    log.begin()
    log.fill(4)
    again = log.lines[-1]
    members = {k: v for k, v in parse(again).items() if k not in ("v", "seq", "time", "type", "hash")}
    for i in range(4):
        log.us += 50 * 1000000
        log.add("outcome", text="forged")
        when, log.us = log.us, int(log.us)
        log.seq += 1
        text = auditlog.compact({"v": 1, "seq": log.seq, "time": parse(again)["time"], "type": "seal", **members})
        line, log.digest = auditlog.hashed(log.digest, text[:-1].encode())
        log.lines.append(line)
        log.us = when
    auditor.finds(log.write(), "seal-order", words="an older seal was put here")


def test_a_seal_that_comes_too_late_is_found(auditor, place, keys):
    log = Log(place, key=keys[0])
    log.begin()
    log.fill(4)
    for i in range(3):
        log.command(i)
        log.us += 100 * 1000000
    log.seal()
    auditor.finds(log.write(), "seal-late", words="after 10 records or 60 seconds")


def test_a_start_that_is_only_hinted_at_is_no_excuse(auditor, place, keys):
    """Who has no key writes that the gateway was down, and then whatever he likes."""
    log = Log(place, key=keys[0])
    log.begin()
    log.fill(4)
    for i in range(3):
        log.command(i)
    log.us += 7200 * 1000000
    log.add("recovered", since=1, intents=0, sessions=0)
    first = log.add("intent", connection=1, request=9, vm="web1", command="quit", text="forged")
    for i in range(3):
        log.command(i)
        log.us += 100 * 1000000
    auditor.finds(log.write(), "seal-late", record=first)


def test_a_segment_that_begins_late_is_no_excuse(auditor, place, keys):
    log = Log(place, key=keys[0])
    log.begin()
    log.fill(4)
    for i in range(3):
        log.command(i)
    log.us += 7200 * 1000000
    log.begin()
    for i in range(3):
        log.command(i)
    auditor.finds(log.write(), "seal-late")


def test_what_is_closed_by_a_recovery_is_no_gap(auditor, place, keys):
    log = Log(place, key=keys[0])
    log.begin()
    log.fill(5)
    log.us += 7200 * 1000000
    log.add("recovered", since=1, intents=1, sessions=1)
    log.add("outcome", result="unknown", code="crashed", connection=1, request=5, command="stop", intent=4)
    log.add("session-close", result="unknown", code="crashed", connection=1)
    log.add("start")
    log.seal("start")
    log.fill(4)
    auditor(log.write())


@pytest.mark.parametrize("when", ["zzzz-09-21T14:13:20.000000Z", "9999-99-21T14:13:20.000000Z"])
def test_a_time_that_is_none_does_not_put_off_a_seal(auditor, place, keys, when):
    log = Log(place, key=keys[0])
    log.begin()
    log.fill(4)
    good, log.time = log.time, lambda: when
    first = log.add("intent", connection=1, request=9, vm="web1", command="quit", text="forged")
    log.time = good
    for i in range(3):
        log.command(i)
        log.us += 100 * 1000000
    auditor.finds(log.write(), "line", record=first, words="time")


# --- how it is asked ------------------------------------------------------------------------------


def test_the_command_line_at_fault(cli, log, keys):
    assert cli("audit").code == USAGE
    assert cli("audit", "prove", log.directory).code == USAGE
    assert cli("audit", "verify").code == USAGE
    assert cli("audit", "verify", "--colour", log.directory).code == USAGE


def test_what_cannot_be_read_has_its_own_code(cli, log, place, keys):
    assert cli("audit", "verify", os.path.join(place, "nothing")).code == LOCAL
    os.mkdir(os.path.join(place, "empty"))
    done = cli("audit", "verify", os.path.join(place, "empty"))
    assert done.code == LOCAL and "no records" in done.stderr
    assert cli("audit", "verify", log.directory, "--key", os.path.join(place, "nothing")).code == LOCAL
    done = cli("audit", "verify", log.directory, "--key", keys[0].secret)
    assert done.code == LOCAL and "public key" in done.stderr
    done = cli("audit", "verify", log.directory, "--from-seal", log.path)
    assert done.code == LOCAL and "line 1: it is no seal" in done.stderr


def test_control_characters_of_a_name_do_not_reach_the_terminal(auditor, log):
    evil = os.path.join(log.directory, "\033[31mred")
    os.rename(log.closed(2), evil)
    edit(evil, lambda lines: lines.pop(3) and None)
    assert "\033" not in auditor(log.directory, code=BAD).stdout


@pytest.fixture
def writer(build, place):
    """The gateway's own writer: each line is an intent and an outcome."""
    os.mkdir(os.path.join(place, "live"))
    path = os.path.join(place, "live", "audit.jsonl")
    child = subprocess.Popen([os.path.join(build, "tests/audit/audit_write"), path], stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL)

    class Writer:
        directory, log = os.path.dirname(path), path

        @staticmethod
        def write(n):
            """It still writes the last of them when this is back."""
            child.stdin.write(b"hello\n" * n)
            child.stdin.flush()
    yield Writer
    child.stdin.close()
    assert child.wait(wait.TIMEOUT * 2) == 0


def test_a_log_that_is_being_written_is_good_at_any_time(cli, writer):
    last = 0
    for i in range(60):
        writer.write(400)
        if i == 0:
            wait.until(lambda: os.path.exists(writer.log) and os.path.getsize(writer.log), "records")
        if i == 10:
            os.rename(writer.log, f"{writer.log}.1")  # as logrotate does; it is noticed within a second
        said = json.loads(cli("audit", "verify", writer.directory, "--json").stdout)
        assert said["good"], said
        assert said["last"] >= last
        last = said["last"]


def test_a_bar_on_a_terminal(cli, writer):
    writer.write(40000)
    wait.until(lambda: os.path.exists(writer.log) and os.path.getsize(writer.log) > 20 << 20, "20 MB", timeout=60)
    terminal = Terminal(cli.argv("audit", "verify", writer.directory), cli.environment())
    terminal.expect(r"\[[#.]{40}\] +[0-9]+ %, [0-9]+ MB/s")
    terminal.expect("Good")
    assert terminal.wait() == OK
    terminal.close()


def test_a_full_disk_is_told(cli, log):
    with open("/dev/full", "w") as full:
        done = subprocess.run(cli.argv("audit", "verify", log.directory), stdout=full, stderr=subprocess.PIPE,
                              env=cli.environment())
    assert done.returncode == LOCAL and b"No space left" in done.stderr


def test_a_seal_is_checked_as_the_manual_says(log, place, keys):
    """With openssl alone; and a changed one is refused."""
    page = auditlog.read(os.path.join(SOURCE, "docs/man/qmpgate-audit.1.scd")).decode()
    recipe = page.split("```")[1].replace("\\\\n", "\\n")
    seal = log.export()
    script = recipe.replace("SEAL", seal).replace("PUB", keys[0].public)
    for change, status in ((None, 0), (('"every":10', '"every":11'), 1)):
        if change:
            text = auditlog.read(seal).decode()
            with open(seal, "w") as f:
                f.write(text.replace(*change))
        done = subprocess.run(["bash", "-e", "-c", script], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == status, done.stdout
