"""What the README shows, run as it stands there: curl, buf curl, the Python snippet, the Rust example."""

import json
import os
import pathlib
import re
import subprocess
import sys

from stubs import GENERATED, ROOT

README = (ROOT / "README.md").read_text()


def fenced(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_curl_and_buf_curl(server):
    commands = [block for block in fenced("sh") if block.startswith(("curl", "buf curl"))]
    assert len(commands) == 2, "the README shows a call with curl, and the same with buf curl"
    environment = dict(os.environ, PATH=f"{ROOT / 'target/buf/node_modules/.bin'}:{os.environ['PATH']}")
    for command in commands:
        command = command.replace("127.0.0.1:50051", server.address)
        output = subprocess.run(["bash", "-euc", command], env=environment, capture_output=True, text=True, timeout=60)
        assert output.returncode == 0, output.stderr
        score = json.loads(output.stdout)
        assert (score["totalHundredths"], score["grade"]) == ("3800", "B")


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


def subset(expected, found) -> bool:
    """Whether everything that a transcript shows is in what was answered."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(key in found and subset(value, found[key]) for key, value in expected.items())
    if isinstance(expected, list):
        return isinstance(found, list) and len(expected) == len(found) and all(map(subset, expected, found))
    return expected == found


def test_the_transcripts_of_the_api_guide(server):
    guide = (ROOT / "docs" / "api.md").read_text()
    prelude = re.search(r"```sh\n(call\(\).*?)```", guide, re.DOTALL)[1].replace("127.0.0.1:50051", server.address)
    environment = dict(os.environ, PATH=f"{ROOT / 'target/buf/node_modules/.bin'}:{os.environ['PATH']}")
    shown = 0
    for block in re.findall(r"```console\n(.*?)```", guide, re.DOTALL):
        lines = block.splitlines()
        for command, answer in zip(lines[::2], lines[1::2], strict=True):
            script = prelude + command.removeprefix("$ ")
            output = subprocess.run(["bash", "-uc", script], env=environment, capture_output=True, text=True, timeout=60)
            # buf tells of an error on standard error, and exits with its code.
            found = json.loads(output.stdout or output.stderr)
            assert subset(json.loads(answer), found), f"{command}\n{output.stdout}{output.stderr}"
            shown += 1
    assert shown >= 7


def test_the_node_client(server):
    folder = ROOT / "tests" / "clients" / "js"
    environment = dict(os.environ, ASSAY_ADDRESS=server.address)
    output = subprocess.run(["npm", "test"], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert output.returncode == 0, output.stdout + output.stderr
    assert "# pass 16" in output.stdout, output.stdout
