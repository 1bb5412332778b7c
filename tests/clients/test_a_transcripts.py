"""What the README shows, run as it stands there: buf curl, the Python snippet, the Rust example."""

import json
import os
import pathlib
import re
import subprocess
import sys

from conftest import GENERATED, ROOT

README = (ROOT / "README.md").read_text()


def fenced(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_buf_curl(server):
    commands = [block for block in fenced("sh") if "buf curl" in block]
    assert commands, "the README shows no buf curl"
    environment = dict(os.environ, PATH=f"{ROOT / 'target/buf/node_modules/.bin'}:{os.environ['PATH']}")
    for command in commands:
        command = command.replace("127.0.0.1:50051", server.address)
        output = subprocess.run(["bash", "-euc", command], env=environment, capture_output=True, text=True, timeout=60)
        assert output.returncode == 0, output.stderr
        score = json.loads(output.stdout)
        assert score["totalHundredths"] == "1400"


def test_the_python_snippet(server):
    snippets = [block for block in fenced("python") if "ScoreLead" in block]
    assert len(snippets) == 1
    snippet = snippets[0].replace("127.0.0.1:50051", server.address)
    environment = dict(os.environ, PYTHONPATH=str(GENERATED))
    output = subprocess.run([sys.executable, "-c", snippet], env=environment, capture_output=True, text=True, timeout=60)
    assert output.returncode == 0, output.stderr
    assert "14.0" in output.stdout


def test_the_rust_example(server):
    example = pathlib.Path(os.environ.get("ASSAY_EXAMPLES", ROOT / "target/debug/examples")) / "score"
    output = subprocess.run([example, f"http://{server.address}"], capture_output=True, text=True, timeout=60)
    assert output.returncode == 0, output.stderr
    assert "Company size is in a target band" in output.stdout
