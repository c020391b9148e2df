"""What a disk may hold after the power went: made from what tests/fake/powercut.c wrote down.

The model is harsher than a journalling file system. Of each file: the content at its last sync is there; what was
written since is there, or not, or the first so many of it, the last in part, or a later piece without an earlier one,
with zeros in between. A rewrite in place of less than a sector is one piece. Of the directory: the names at its last
sync, and the first so many of the changes since. What a sync covers is what was there when it began."""

import os
import random

SECTOR = 512


class Power:
    """Preload it: Power(...).env; then read() after the daemon's end."""

    def __init__(self, build, directory):
        self.directory = directory
        self.ops_file = directory + ".ops"
        preload = os.path.join(build, "tests", "fake", "powercut.so")
        sanitizers = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
        self.env = {"LD_PRELOAD": preload, "QMPGATE_TEST_POWERCUT": directory, "ASAN_OPTIONS": sanitizers}

    def read(self):
        """The operations, in order: tuples."""
        with open(self.ops_file, "rb") as f:
            data = f.read()
        ops, at = [], 0
        numbers = {}  # of an inode: of the file, of many that may have had it
        while at < len(data):
            end = data.index(b"\n", at)
            word, *rest = data[at:end].decode().split(" ")
            at = end + 1
            if word == "write":
                file, offset, length = map(int, rest)
                ops.append((word, numbers[file], offset, data[at:at + length]))
                at += length + 1
            elif word in ("sync", "synced"):
                ops.append((word, numbers[int(rest[0])]))
            elif word == "truncate":
                ops.append((word, numbers[int(rest[0])], int(rest[1])))
            elif word == "create":
                numbers[int(rest[0])] = len(ops)
                ops.append((word, len(ops), os.path.relpath(rest[1], self.directory)))
            elif word in ("rename", "link", "unlink"):
                ops.append((word, *(os.path.relpath(name, self.directory) for name in rest)))
            else:
                ops.append((word, *rest))
        return ops


def apply(content, op):
    if op[0] == "truncate":
        del content[op[2]:]
        content.extend(bytes(op[2] - len(content)))
    else:
        _, _, offset, data = op
        content.extend(bytes(max(0, offset - len(content))))
        content[offset:offset + len(data)] = data


def rename(names, op):
    if op[0] == "create":
        names[op[2]] = op[1]
    elif op[0] == "rename":
        names[op[2]] = names.pop(op[1])
    elif op[0] == "link":
        names[op[2]] = names[op[1]]
    elif op[0] == "unlink":
        names.pop(op[1], None)


class File:
    def __init__(self):
        self.durable = bytearray()
        self.pending = []
        self.covered = 0  # of pending, by the sync that is under way

    def synced(self):
        for op in self.pending[:self.covered]:
            apply(self.durable, op)
        del self.pending[:self.covered]
        self.covered = 0

    def variant(self, choice):
        """Its content, as one of many chances would have it."""
        content, ops = bytearray(self.durable), list(self.pending)
        if not ops or choice == "lost":
            return content
        if choice == "hole":  # the first of them not, all others
            lost = next((op for op in ops if op[0] == "write" and len(op[3]) > SECTOR), None)
            for op in ops:
                apply(content, op if op is not lost else (*op[:3], bytes(len(op[3]))))
            return content
        if choice == "torn":
            n = random.randrange(len(ops))
            for op in ops[:n]:
                apply(content, op)
            op = ops[n]
            if op[0] == "write" and (op[2] or len(op[3]) > SECTOR):
                cut = random.randrange(len(op[3]) + 1)
                tail = bytes(len(op[3]) - cut) if random.random() < 0.5 else b""
                apply(content, (*op[:3], op[3][:cut] + tail))
            return content
        for op in ops if choice == "kept" else ops[:random.randrange(len(ops) + 1)]:
            apply(content, op)
        return content


CHOICES = ("lost", "kept", "some", "torn", "hole")


class Disk:
    """As far as the operations have been told to it."""

    def __init__(self):
        self.files, self.names, self.renames, self.covered, self.sent = {}, {}, [], 0, []

    def take(self, op):
        if op[0] in ("write", "truncate"):
            self.files[op[1]].pending.append(op)
        elif op[0] == "sync":
            self.files[op[1]].covered = len(self.files[op[1]].pending)
        elif op[0] == "synced":
            self.files[op[1]].synced()
        elif op[0] in ("create", "rename", "link", "unlink"):
            if op[0] == "create":
                self.files[op[1]] = File()
            self.renames.append(op)
        elif op[0] == "dirsync":
            self.covered = len(self.renames)
        elif op[0] == "dirsynced":
            for change in self.renames[:self.covered]:
                rename(self.names, change)
            del self.renames[:self.covered]
            self.covered = 0
        elif op[0] == "sent":
            self.sent.append(op[1])

    def image(self, choice, n_renames):
        """Names and contents after a cut here: {name: bytes}."""
        names = dict(self.names)
        for change in self.renames[:n_renames]:
            rename(names, change)
        return {name: self.files[number].variant(choice) for name, number in names.items()}

    def images(self):
        """One of each choice, with none, all and some of the changes of names."""
        counts = {0, len(self.renames), random.randrange(len(self.renames) + 1)}
        for choice in CHOICES:
            for n in counts:
                yield choice, n, self.image(choice, n)


def write_image(image, directory):
    os.makedirs(directory)
    for name, content in image.items():
        with open(os.path.join(directory, name), "wb") as f:
            f.write(content)
