"""Calls of the daemon that block for as long as a test wants."""

import os

from . import wait


class Stall:
    """Holds up calls of the daemon; tests/fake/stall.c says which there are."""

    def __init__(self, build, directory):
        self.directory = directory
        preload = os.path.join(build, "tests", "fake", "stall.so")
        sanitizers = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
        self.env = {"LD_PRELOAD": preload, "QMPGATE_TEST_STALL": directory, "ASAN_OPTIONS": sanitizers}

    def path(self, name):
        return os.path.join(self.directory, name)

    def begin(self, name):
        open(self.path(name), "w").close()

    def wait(self, name):
        """Waits until a call is held up."""
        wait.until(lambda: os.path.exists(self.path(name + ".waits")), f"a call of {name}")

    def set_clock(self, seconds):
        """The daemon's clock of the day, so far from this machine's; all at once."""
        with open(self.path("clock.new"), "w") as f:
            f.write(str(seconds))
        os.rename(self.path("clock.new"), self.path("clock"))

    def end(self, name):
        os.unlink(self.path(name))
        os.unlink(self.path(name + ".waits"))
