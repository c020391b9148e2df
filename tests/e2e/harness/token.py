"""A key in a token of SoftHSM."""

import glob
import os
import subprocess

import pytest

PIN = "hush-hush"
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib*/pkcs11/libsofthsm2.so")


class Token:
    """A token with one key in it. The daemon finds it by its environment."""

    def __init__(self, directory):
        module = next((path for pattern in MODULES for path in glob.glob(pattern)), None)
        if not module:
            pytest.skip("SoftHSM is not installed (Debian: softhsm2)")
        store = os.path.join(directory, "tokens")
        config = os.path.join(directory, "softhsm2.conf")
        os.mkdir(store, 0o700)
        with open(config, "w") as f:
            f.write(f"directories.tokendir = {store}\nlog.level = ERROR\n")
        # p11-kit knows SoftHSM by another name of the same file
        self.env = {"SOFTHSM2_CONF": config, "QMPGATE_TEST_MODULE": os.path.realpath(module)}
        self._util("--init-token", "--free", "--label", "test", "--so-pin", PIN, "--pin", PIN)

    def add(self, label, key_file):
        """Puts a key in, and gives what the configuration calls it."""
        pkcs8 = key_file + ".p8"
        subprocess.run(["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", key_file, "-out", pkcs8], check=True)
        self._util("--import", pkcs8, "--token", "test", "--label", label, "--id", "01", "--pin", PIN)
        return f"pkcs11:token=test;object={label};type=private?pin-value={PIN}"

    def _util(self, *args):
        done = subprocess.run(["softhsm2-util", *args], env={**os.environ, **self.env}, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
