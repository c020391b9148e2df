"""libqdev in a program of its own (tests/libqdev/convert): a description from one form to another."""

import json
import os
import subprocess


class Converter:
    def __init__(self, build):
        self.process = subprocess.Popen([os.path.join(build, "tests", "libqdev", "convert")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, encoding="utf-8")

    def ask(self, option, source, form, text):
        self.process.stdin.write(f"{option} {source} {form} {text}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def __call__(self, option, source, form, text):
        said = self.ask(option, source, form, text if isinstance(text, str) else json.dumps(text))
        assert said.startswith("ok "), said
        return json.loads(said[3:])

    def refuses(self, option, source, form, text):
        said = self.ask(option, source, form, text if isinstance(text, str) else json.dumps(text))
        assert said.startswith("error "), said
        return said.split(" ", 2)[1:]

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(60) == 0
