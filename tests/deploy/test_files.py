"""The shipped files by their own checkers, and by each other. The balancers' files are run: see test_balancers.py."""

import os
import pathlib
import re
import subprocess

import compose_spec
import pytest
import yaml

from cluster import DEPLOY, ROOT, tool

SCRIPTS = sorted(str(p.relative_to(ROOT / "scripts")) for p in (ROOT / "scripts").rglob("*") if p.is_file())
# Variables of the reference, with their defaults.
SETTINGS = dict(re.findall(r"`(ASSAY_\w+)` \| `?([^`|]*)", (ROOT / "docs" / "configuration.md").read_text()))


def run(*command, **options) -> str:
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def objects() -> dict[str, dict]:
    return {each["kind"]: each for each in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())}


def pod() -> dict:
    return objects()["Deployment"]["spec"]["template"]


def seconds(text: str) -> int:
    return int(re.fullmatch(r"(\d+)s", text).group(1))


def drain() -> int:
    return seconds(SETTINGS["ASSAY_DRAIN_DELAY"]) + seconds(SETTINGS["ASSAY_DRAIN_DEADLINE"])


def test_the_container_file():
    assert run(tool("hadolint"), "--failure-threshold", "style", DEPLOY / "Containerfile") == ""


def test_the_systemd_unit(tmp_path):
    unit = tmp_path / "assay.service"
    text = (DEPLOY / "assay.service").read_text()
    # The checker wants to find the program.
    unit.write_text(text.replace("/usr/local/bin/assay", "/bin/true"))
    assert run(tool("systemd-analyze"), "verify", "--man=no", unit) == ""
    # Of 10 (everything is open) to 0; the threshold is in tenths.
    run(tool("systemd-analyze"), "security", "--offline=true", "--no-pager", "--threshold=15", unit)
    assert seconds(re.search(r"^TimeoutStopSec=(.*)", text, re.M).group(1)) >= drain()


def test_the_kubernetes_objects():
    told = run(tool("kubernetes-validate"), "--strict", DEPLOY / "kubernetes.yaml")
    assert told.count("passed") == len(objects()) == 4, told


def test_the_kubernetes_objects_fit_together():
    service, budget, policy = (objects()[kind]["spec"] for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy"))
    [container] = pod()["spec"]["containers"]
    selectors = [service["selector"], budget["selector"]["matchLabels"], policy["podSelector"]["matchLabels"]]
    assert all(selector == pod()["metadata"]["labels"] for selector in selectors)
    ports = {port["name"] for port in container["ports"]}
    named = [port["targetPort"] for port in service["ports"]]
    named += [port["port"] for rule in policy["ingress"] for port in rule["ports"]]
    named += [container[f"{probe}Probe"]["httpGet"]["port"] for probe in ("startup", "liveness", "readiness")]
    assert set(named) <= ports
    assert pod()["spec"]["terminationGracePeriodSeconds"] > drain()


def test_all_scripts_are_mounted_as_the_server_wants_them(tmp_path):
    items = pod()["spec"]["volumes"][0]["configMap"]["items"]
    assert sorted(item["path"] for item in items) == SCRIPTS
    # What the script would tell kubectl.
    (tmp_path / "kubectl").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "kubectl").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    told = run(DEPLOY / "scripts-configmap", ROOT / "scripts", env=os.environ | {"PATH": path})
    assert set(re.findall("--from-file=(.*)=(.*)", told)) == {(item["key"], item["path"]) for item in items}
    # What the kubelet makes of it: a link to the folder of the moment, and links through it.
    for item in items:
        file = tmp_path / "scripts" / "..of-the-moment" / item["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes((ROOT / "scripts" / item["path"]).read_bytes())
    (tmp_path / "scripts" / "..data").symlink_to("..of-the-moment")
    for name in {pathlib.Path(item["path"]).parts[0] for item in items}:
        (tmp_path / "scripts" / name).symlink_to(f"..data/{name}")
    binary = os.environ.get("ASSAY_BINARY", ROOT / "target/debug/assay")
    assert "are good" in run(binary, "serve", "--check", "--scripts", tmp_path / "scripts")


def test_the_compose_file():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    ours = {key: value for key, value in compose.items() if not key.startswith("x-")}
    compose_spec.ComposeSpecification.model_validate(ours, extra="forbid")
    hosts = re.findall(r"server \S+ (\S+):50051", (DEPLOY / "haproxy.cfg").read_text())
    assert set(hosts) == {name for name in ours["services"] if name.startswith("assay")}
    used = {name for service in ours["services"].values() for name in service["networks"]}
    assert used == set(ours["networks"])
    assert all(seconds(ours["services"][host]["stop_grace_period"]) > drain() for host in hosts)


@pytest.mark.parametrize("file", sorted(p.name for p in DEPLOY.iterdir()))
def test_every_setting_exists(file):
    assert set(re.findall(r"ASSAY_\w+", (DEPLOY / file).read_text())) <= set(SETTINGS)
