"""The tutorials, run as they stand: each command in a folder of its own, with what it prints compared to what the page shows."""

import os
import pathlib
import re
import shlex
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from conftest import free_address
from stubs import ROOT

PAGES = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
BINARY = pathlib.Path(os.environ.get("ASSAY_BINARY", ROOT / "target" / "debug" / "assay"))


class Reader:
    """Somebody who does what a page says, in one folder after another as `cd` says."""

    def __init__(self, home: pathlib.Path):
        self.folder = home
        self.address, self.admin = free_address(), free_address()
        self.environment = {
            "PATH": f"{BINARY.parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "USER": "an",
            "COLUMNS": "100",
            "ASSAY_LISTEN": self.address,
            "ASSAY_ADMIN_LISTEN": self.admin,
            "ASSAY_DRAIN_DELAY": "200ms",
        }
        self.served = None

    def own_ports(self, text: str) -> str:
        return text.replace("127.0.0.1:50051", self.address).replace("127.0.0.1:9464", self.admin)

    def run(self, command: str) -> str:
        script = f"{self.own_ports(command)}\ncode=$?\npwd > .folder-of-the-reader\nexit $code"
        before = self.folder
        done = subprocess.run(
            ["bash", "-c", script], cwd=before, env=self.environment, text=True, timeout=60,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        for place in [before, *before.iterdir()]:
            told = place / ".folder-of-the-reader" if place.is_dir() else None
            if told and told.exists():
                self.folder = pathlib.Path(told.read_text().strip())
                told.unlink()
        return done.stdout.replace(self.address, "127.0.0.1:50051").replace(self.admin, "127.0.0.1:9464")

    def serve(self, command: str) -> None:
        """What a page says to leave running in another terminal."""
        self.stop()
        # On the page it is the default; here it has a port of its own.
        self.environment["ASSAY_SERVER"] = f"http://{self.address}"
        log = open(self.folder / "serve.log", "ab")
        self.served = subprocess.Popen(shlex.split(command), cwd=self.folder, env=self.environment, stderr=log)
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://{self.admin}/readyz", timeout=5)
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        raise AssertionError((self.folder / "serve.log").read_text())

    def stop(self) -> None:
        if self.served:
            self.served.send_signal(signal.SIGTERM)
            self.served.wait(timeout=20)
            self.served = None


def steps(block: str) -> list[tuple[str, str]]:
    """The commands of a block, each with the output below it; lines that go on end in `\\`, and here documents in END."""
    found: list[tuple[str, str]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif line.startswith("> "):
            command, output = found[-1]
            found[-1] = (f"{command}\n{line[2:]}", output)
        else:
            command, output = found[-1]
            found[-1] = (command, output + line + "\n")
    return found


def fits(shown: str, printed: str) -> bool:
    """Whether what is printed is what is shown, where `…` stands for anything."""
    parts = [re.escape(part) for part in shown.rstrip().split("…")]
    printed = "\n".join(line.rstrip() for line in printed.rstrip().splitlines())
    return re.fullmatch(".*".join(parts), printed, re.DOTALL) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_tutorial_works_as_it_stands(page, tmp_path):
    reader, commands = Reader(tmp_path), 0
    try:
        for kind, block in re.findall(r"```(console|sh)\n(.*?)```", page.read_text(), re.DOTALL):
            if kind == "sh":
                reader.serve(block.strip())
                continue
            for command, shown in steps(block):
                printed = reader.run(command)
                assert fits(shown, printed), f"{page.name}: {command}\n--- shown\n{shown}\n--- printed\n{printed}"
                commands += 1
    finally:
        reader.stop()
    assert commands >= 5, f"{page.name} shows {commands} commands"


def test_there_is_a_tutorial_for_each():
    assert [page.stem for page in PAGES] == ["caller", "operator", "rule-author", "rule-change", "strategist"]
