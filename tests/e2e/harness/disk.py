"""Small file systems of their own: really full, really over quota, really read-only, really without power."""

import fcntl
import os
import shutil
import struct
import subprocess

import pytest

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
MAKE = {"ext4": ("mkfs.ext4", "-q", "-F", "-m", "0", "-I", "256"), "btrfs": ("mkfs.btrfs", "-q", "-M")}


def _run(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class Disk:
    """An ext4 or btrfs in an image in memory, or a tmpfs. Skips the test where none may be mounted."""

    def __init__(self, place, megabytes=16, kind="ext4", options=""):
        if os.geteuid() != 0:
            pytest.skip("mounting needs root")
        self.path, self.kind, self.options = os.path.join(place, "disk"), kind, options
        os.mkdir(self.path)
        memory = "/dev/shm" if os.path.isdir("/dev/shm") else place
        self.image = os.path.join(memory, f"qmpgate-e2e-{os.getpid()}-{os.path.basename(place)}.img")
        if kind in MAKE:
            megabytes = max(megabytes, 128 if kind == "btrfs" else 0)  # less it does not take
            with open(self.image, "wb") as f:
                f.truncate(megabytes << 20)
            done = _run(*MAKE[kind], self.image)
            assert done.returncode == 0, done.stdout
        self.megabytes = megabytes
        self.mounted = False
        self.mount()

    def mount(self):
        if self.kind in MAKE:
            done = _run("mount", "-o", ",".join(filter(None, ("loop", self.options))), self.image, self.path)
        else:
            done = _run("mount", "-t", self.kind, "-o", f"size={self.megabytes}m", self.kind, self.path)
        if done.returncode:
            self.remove()
            pytest.skip(f"may not mount: {done.stdout.strip()}")
        self.mounted = True

    def remount(self, options):
        done = _run("mount", "-o", "remount," + options, self.path)
        assert done.returncode == 0, done.stdout

    def fill(self, leave=0):
        """To the last byte but `leave`."""
        name = os.path.join(self.path, "filler")
        fd = os.open(name, os.O_WRONLY | os.O_CREAT)
        size = 1 << 20
        while size >= 1024:
            try:
                written = os.write(fd, bytes(size))
            except OSError:
                written = 0
            if written < size:
                size //= 2
        os.fsync(fd)
        if leave:
            os.ftruncate(fd, max(0, os.fstat(fd).st_size - leave))
            os.fsync(fd)
        os.close(fd)

    def make_room(self):
        os.unlink(os.path.join(self.path, "filler"))

    def free(self):
        st = os.statvfs(self.path)
        return st.f_bavail * st.f_bsize

    def make_volume(self, name):
        """A part of a btrfs that can have a quota: its directory."""
        path = os.path.join(self.path, name)
        for words in (("quota", "enable", self.path), ("subvolume", "create", path)):
            done = _run("btrfs", *words)
            assert done.returncode == 0, done.stdout
        return path

    def set_quota(self, volume, size):
        """In bytes; "none": all there is. Told to the whole, as the part may have no room left to note it."""
        done = _run("btrfs", "qgroup", "limit", str(size), "0/" + self._id(volume), self.path)
        assert done.returncode == 0, done.stdout

    @staticmethod
    def _id(volume):
        return _run("btrfs", "inspect-internal", "rootid", volume).stdout.strip()

    def fail(self):
        """An error, as of a disk that answers nonsense: mounted with errors=remount-ro an ext4 is read-only from here on."""
        with open("/proc/self/mounts") as f:
            device = next(line.split()[0] for line in f if line.split()[1] == self.path)
        trigger = f"/sys/fs/ext4/{os.path.basename(device)}/trigger_fs_error"
        if not os.path.exists(trigger):
            pytest.skip("this kernel's ext4 cannot be told to have failed")
        with open(trigger, "w") as f:
            f.write("a test")

    def give_up(self):
        """As after an error of the disk: the kernel takes nothing any more. For good."""
        fd = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        except OSError as e:
            pytest.skip(f"this kernel cannot shut ext4 down: {e}")
        finally:
            os.close(fd)

    def cut_power(self):
        """The file system comes back with what its disk had got: nobody may be writing, or syncing, now. (Ext4 can be
        told to shut down, but then tells a sync that is under way that all is well, and drops the data.)"""
        shutil.copyfile(self.image, self.image + ".cut")

    def come_back(self):
        """With the power."""
        self.unmount()
        os.rename(self.image + ".cut", self.image)
        self.mount()

    def unmount(self):
        if self.mounted:
            _run("umount", "--lazy", self.path)
            self.mounted = False

    def remove(self):
        self.unmount()
        for path in (self.image, self.image + ".cut"):
            if os.path.exists(path):
                os.unlink(path)


@pytest.fixture
def disks(place):
    """Makes disks that go away at the end of the test; asked for before `house`, so that daemons go first."""
    made = []

    def make(**how):
        made.append(Disk(place, **how))
        return made[-1]
    yield make
    for disk in made:
        disk.remove()
