"""System calls of the daemon on its log that fail for as long as a test wants: tests/fake/diskfault.c."""

import errno
import os
import tempfile


class Faults:
    def __init__(self, build, place, directory):
        """For files below `directory`."""
        self.orders = tempfile.mkdtemp(dir=place)
        preload = os.path.join(build, "tests", "fake", "diskfault.so")
        sanitizers = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
        self.env = {"LD_PRELOAD": preload, "QMPGATE_TEST_FAULTS": self.orders, "QMPGATE_TEST_FAULTS_ON": directory,
                    "ASAN_OPTIONS": sanitizers}

    def begin(self, function, error):
        """`error` is a name of errno, and perhaps how many bytes are written all the same."""
        name, *first = error.split()
        path = os.path.join(self.orders, function)
        with open(path + ".new", "w") as f:
            f.write(" ".join([str(getattr(errno, name)), *first]))
        os.rename(path + ".new", path)

    def end(self, function):
        os.unlink(os.path.join(self.orders, function))
