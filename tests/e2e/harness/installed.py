"""What `make install` puts somewhere, and programs that are compiled against it."""

import os
import shlex
import subprocess

from .pki import SOURCE


class Installed:
    def __init__(self, build, place):
        self.root = os.path.join(place, "root")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}
        subprocess.run(["make", "-s", "-C", build, "install", f"DESTDIR={self.root}"], check=True, env=environment,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.libraries = os.path.dirname(self.find("libqmp.so.0"))

    def find(self, name):
        found = subprocess.run(["find", self.root, "-name", name], stdout=subprocess.PIPE, encoding="utf-8").stdout.split()
        assert len(found) == 1, found
        return found[0]

    def flags(self, *names):
        environment = {**os.environ, "PKG_CONFIG_PATH": os.path.dirname(self.find("libqmp.pc")), "PKG_CONFIG_SYSROOT_DIR": self.root}
        return shlex.split(subprocess.run(["pkg-config", "--cflags", "--libs", *names], check=True, env=environment, stdout=subprocess.PIPE,
                                          encoding="utf-8").stdout)

    def sanitizers(self):
        """A program needs the sanitizers that the library has, and then libvirt from its beginning (libqmp/local.mk)."""
        needed = subprocess.run(["readelf", "-d", self.find("libqmp.so.0")], stdout=subprocess.PIPE, encoding="utf-8").stdout
        found = ["-fsanitize=address,undefined"] if "libasan" in needed else ["-fsanitize=thread"] if "libtsan" in needed else []
        return found + ["-Wl,--no-as-needed", "-lvirt", "-Wl,--as-needed"] if found else []

    def compile(self, example, out, *names, flags=()):
        subprocess.run(["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-o", out, os.path.join(SOURCE, "docs", "examples", example + ".c"),
                        *flags, *self.flags(*names), *self.sanitizers()], check=True)
        return out

    def environment(self, **more):
        return {**os.environ, "LD_LIBRARY_PATH": self.libraries, **more}
