"""What somebody without the seal's key may do to a log, by hands that know the format well. Each kind takes a Copy of the
log and changes it; the docstring is what an auditor would call it."""

import base64
import glob
import hashlib
import json
import os
import shutil
import subprocess

MARK = b',"hash":"'
FAR = 300000  # records: more than any reader keeps in mind


class Copy:
    """A log in a directory of its own, unpacked: per segment, in order, its lines without line feeds."""

    def __init__(self, source, directory):
        shutil.copytree(source, directory, ignore=shutil.ignore_patterns("*.lock", "*.torn.*"))
        self.directory = directory
        for path in glob.glob(f"{directory}/*.zst"):
            subprocess.run(["zstd", "-q", "-d", "--rm", path], check=True)
        self.segments = sorted(([path, self._lines(path)] for path in glob.glob(f"{directory}/*.jsonl")),
                               key=lambda s: json.loads(s[1][0])["seq"])

    @staticmethod
    def _lines(path):
        with open(path, "rb") as f:
            return f.read().removesuffix(b"\n").split(b"\n")

    def write(self, end=b"\n"):
        for name in os.listdir(self.directory):
            os.unlink(os.path.join(self.directory, name))
        for path, lines in self.segments:
            with open(path, "wb") as f:
                f.write(b"".join(line + end for line in lines))

    def lines(self, of):
        return self.segments[of][1]

    def find(self, **members):
        """(segment, line) of the first record with these members."""
        for s, (_, lines) in enumerate(self.segments):
            for i, line in enumerate(lines):
                record = json.loads(line)
                if all(record.get(k) == v for k, v in members.items()):
                    return s, i
        raise LookupError(members)

    def edit(self, at, old, new):
        s, i = at
        line = self.lines(s)[i]
        assert old in line and old != new
        self.lines(s)[i] = line.replace(old, new, 1)

    def recompute(self, seals=True):
        """Numbers and hashes anew, from the first record on, as one can without the key. What names a number or a hash in
        a record about the log is brought in step, in seals if they are to follow; a signature cannot be."""
        previous, number, at = bytes(32), 0, {}
        for _, lines in self.segments:
            for i, line in enumerate(lines):
                record = json.loads(line)
                number += 1
                old = record["seq"]
                if record["type"] == "segment":
                    line = line.replace(record["previous"].encode(), previous.hex().encode(), 1)
                if seals and record["type"] == "seal" and record["through"] in at:
                    through, digest = at[record["through"]]
                    line = line.replace(b'"through":%d,' % record["through"], b'"through":%d,' % through)
                    line = line.replace(record["digest"].encode(), digest)
                body = line[:line.rindex(MARK)].replace(b'"seq":%d,' % old, b'"seq":%d,' % number, 1)
                previous = hashlib.sha256(previous + body).digest()
                at[old] = number, previous.hex().encode()
                lines[i] = body + MARK + previous.hex().encode() + b'"}'


def _intent(log):
    return log.find(type="intent", command="stop")


def a_name_is_changed(log):
    log.edit(_intent(log), b"CN=alice", b"CN=carol")


def a_name_is_changed_and_all_hashes_computed_anew(log):
    log.edit(_intent(log), b"CN=alice", b"CN=carol")
    log.recompute()


def a_time_is_changed(log):
    s, i = _intent(log)
    time = json.loads(log.lines(s)[i])["time"]
    log.edit((s, i), time.encode(), ("2020" + time[4:]).encode())


def a_refusal_is_made_an_error(log):
    log.edit(log.find(type="refused"), b'"denied"', b'"error"')


def a_record_is_taken_out(log):
    s, i = _intent(log)
    del log.lines(s)[i]


def a_record_is_taken_out_and_the_rest_computed_anew(log):
    a_record_is_taken_out(log)
    log.recompute()


def a_record_is_there_twice(log):
    s, i = _intent(log)
    log.lines(s).insert(i, log.lines(s)[i])


def two_records_change_places(log):
    s, i = _intent(log)
    lines = log.lines(s)
    lines[i], lines[i + 1] = lines[i + 1], lines[i]


def a_record_is_made_up(log):
    s, i = _intent(log)
    log.lines(s).insert(i, log.lines(s)[i].replace(b"CN=alice", b"CN=bob"))
    log.recompute()


def the_last_records_are_cut_off(log):
    del log.lines(-1)[-4:]


def a_closed_segment_loses_its_end(log):
    del log.lines(0)[-3:]


def a_line_is_cut_in_two(log):
    s, i = _intent(log)
    log.lines(s)[i] = log.lines(s)[i][:50]


def a_segment_in_the_middle_is_taken_out(log):
    assert len(log.segments) > 2
    del log.segments[1]


def the_last_segment_is_taken_out(log):
    del log.segments[-1]


def the_first_segment_is_taken_out_and_the_rest_computed_anew(log):
    del log.segments[0]
    log.recompute()


def a_segment_is_another_ones_copy(log):
    log.segments[1][1] = list(log.lines(0))


def two_segments_change_their_numbers(log):
    for a, b in ((0, 1), (1, 0)):
        log.edit((a, 0), b'"segment":%d' % (a + 1), b'"segment":%d' % (b + 1))
    log.recompute()


def all_seals_are_taken_out(log):
    for segment in log.segments:
        segment[1] = [line for line in segment[1] if b'"type":"seal"' not in line]
    log.recompute()


def the_seals_are_pushed_far_behind_what_was_changed(log):
    """The seals stay as they are, each of a record with its number; but so many records come before them that whoever reads
    the log has long passed that."""
    s, i = _intent(log)
    log.edit((s, i), b"CN=alice", b"CN=carol")
    lines = log.lines(s)
    time = json.loads(lines[i])["time"].encode()
    filler = b'{"v":1,"seq":1,"time":"%s","type":"outcome"' % time + MARK + b'"}'
    seal = next(k for k in range(i, len(lines)) if b'"type":"seal"' in lines[k])
    lines[seal:seal] = [filler] * FAR
    log.recompute(seals=False)


def a_seal_gets_the_signature_of_another(log):
    seals = [line for _, lines in log.segments for line in lines if b'"type":"seal"' in line]
    first, last = (json.loads(line)["signature"].encode() for line in (seals[0], seals[-1]))
    log.edit(log.find(signature=last.decode()), last, first)
    log.recompute()


def the_seals_are_made_with_another_key(log):
    """Every seal of the log by a key of the tamperer's own, as well as openssl can."""
    key = os.path.join(log.directory, "..", "mine.pem")
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True, stderr=subprocess.DEVNULL)
    der = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], check=True,
                         stdout=subprocess.PIPE).stdout
    log.edit(_intent(log), b"CN=alice", b"CN=carol")
    log.recompute()
    for _, lines in log.segments:
        for i, line in enumerate(lines):
            record = json.loads(line)
            if record["type"] == "seal":
                line = line.replace(record["key"].encode(), hashlib.sha256(der).hexdigest().encode())
                signed = b'{"v":1' + line[line.index(b',"time"'):line.index(b',"signature"')] + b"}"
                text = os.path.join(log.directory, "..", "signed")
                with open(text, "wb") as f:
                    f.write(b"qmpgate audit seal\n" + signed)
                signature = subprocess.run(["openssl", "pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", text], check=True,
                                           stdout=subprocess.PIPE).stdout
                lines[i] = line.replace(record["signature"].encode(), base64.b64encode(signature))
                log.recompute()


def something_is_written_behind_the_end(log):
    log.lines(-1).append(b"all is well")


def there_is_an_empty_line(log):
    s, i = _intent(log)
    log.lines(s).insert(i, b"")


def the_digits_of_a_hash_are_written_large(log):
    s, i = _intent(log)
    line = log.lines(s)[i]
    cut = line.rindex(MARK) + len(MARK)
    log.lines(s)[i] = line[:cut] + line[cut:-2].upper() + line[-2:]


def a_bit_is_turned(log):
    s, i = _intent(log)
    line = bytearray(log.lines(s)[i])
    line[len(line) // 3] ^= 1
    log.lines(s)[i] = bytes(line)


def what_was_not_recorded_is_denied(log):
    """A crash leaves no trace: the records that tell of it go, the rest is computed anew."""
    for segment in log.segments:
        segment[1] = [line for line in segment[1] if b'"unknown"' not in line]
    log.recompute()


KINDS = [a_name_is_changed, a_name_is_changed_and_all_hashes_computed_anew, a_time_is_changed, a_refusal_is_made_an_error,
         a_record_is_taken_out, a_record_is_taken_out_and_the_rest_computed_anew, a_record_is_there_twice,
         two_records_change_places, a_record_is_made_up, a_closed_segment_loses_its_end, a_line_is_cut_in_two,
         a_segment_in_the_middle_is_taken_out, the_first_segment_is_taken_out_and_the_rest_computed_anew,
         a_segment_is_another_ones_copy, two_segments_change_their_numbers, all_seals_are_taken_out,
         the_seals_are_pushed_far_behind_what_was_changed, a_seal_gets_the_signature_of_another, the_seals_are_made_with_another_key, something_is_written_behind_the_end,
         there_is_an_empty_line, the_digits_of_a_hash_are_written_large, a_bit_is_turned, what_was_not_recorded_is_denied]
# what no log can tell of itself: only who holds a later seal outside finds it
CUTS = [the_last_records_are_cut_off, the_last_segment_is_taken_out]
