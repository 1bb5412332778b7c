"""The real server as a process."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import grpc
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from stubs import ROOT  # noqa: E402


def free_address() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % listener.getsockname()[1]


class Server:
    def __init__(self, directory: pathlib.Path):
        self.scripts = directory / "scripts"
        shutil.copytree(ROOT / "scripts", self.scripts)
        self.address, self.admin = free_address(), free_address()
        binary = os.environ.get("ASSAY_BINARY", ROOT / "target" / "debug" / "assay")
        command = [binary, "serve", "--listen", self.address, "--admin-listen", self.admin]
        command += ["--database", directory / "assay.db", "--scripts", self.scripts, "--drain-delay", "200ms"]
        self.log = open(directory / "log", "wb")
        self.process = subprocess.Popen(command, stderr=self.log)
        self.channel = grpc.insecure_channel(self.address)

    def ready(self) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{self.admin}/readyz", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=20)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    server = Server(tmp_path_factory.mktemp("assay"))
    health = health_pb2_grpc.HealthStub(server.channel)
    for update in health.Watch(health_pb2.HealthCheckRequest(), timeout=20, wait_for_ready=True):
        if update.status == health_pb2.HealthCheckResponse.SERVING:
            break
    yield server
    if server.process.poll() is None:
        server.stop()
