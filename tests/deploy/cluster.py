"""Processes: replicas, and balancers with the shipped configuration."""

import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
# Every run has loopback addresses of its own, so that all ports are those that the shipped files name.
NETWORK = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}"


def until(condition, seconds: float, what: str):
    """Asks until the answer is true, and returns it."""
    end = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.02)
    return answer


class Replica:
    def __init__(self, number: int, database: str, directory: pathlib.Path, settings: dict[str, str]):
        self.name, self.host = f"assay-{number}", f"{NETWORK}.{number}"
        self.log = directory / f"{self.name}.log"
        binary = os.environ.get("ASSAY_BINARY", ROOT / "target" / "debug" / "assay")
        # A build in another window must not change what is tested.
        self.binary = directory / "assay"
        if not self.binary.exists():
            shutil.copy(binary, self.binary)
        ours = {"DATABASE": database, "SCRIPTS": ROOT / "scripts", "REPLICA": self.name, **settings}
        ours |= {"LISTEN": f"{self.host}:50051", "ADMIN_LISTEN": f"{self.host}:9464"}
        self.environment = {f"ASSAY_{key}": str(value) for key, value in ours.items()}
        self.process = None

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.binary, "serve"], env=os.environ | self.environment, stderr=log)

    def admin(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://{self.host}:9464{path}", timeout=5) as answer:
                return answer.read().decode()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None

    def wait_until_ready(self) -> None:
        until(lambda: self.admin("/readyz"), 30, f"{self.name} becoming ready")

    def calls(self) -> int:
        """How many calls of ours have ended here since the start, but for streams: those end when they like."""
        pattern = r'^rpc_server_call_duration_seconds_count\{.*rpc_method="assay[^"]*(?<!ScoreLeads)".*\} (\d+)'
        return sum(int(n) for n in re.findall(pattern, self.admin("/metrics") or "", re.MULTILINE))

    def begin_to_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait_until_stopped(self) -> None:
        """An orchestrator waits for no more than 30 seconds."""
        code = self.process.wait(timeout=30)
        assert code == 0, f"{self.name} ended with {code}: {self.log}"

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Cluster:
    def __init__(self, database: str, directory: pathlib.Path):
        # Connections end all the time, so that this is tried as much as restarts are.
        settings = {"MAX_CONNECTION_AGE": "5s"}
        if "CHAOS_SECONDS" not in os.environ:
            settings |= {"DRAIN_DELAY": "2s", "DRAIN_DEADLINE": "3s"}
        self.database = database
        self.replicas = [Replica(n, database, directory, settings) for n in (1, 2, 3)]

    def start(self) -> None:
        """Starts those that do not run, as after a test that failed."""
        for replica in self.replicas:
            if not replica.process or replica.process.poll() is not None:
                replica.start()
        for replica in self.replicas:
            replica.wait_until_ready()

    def kill(self) -> None:
        for replica in self.replicas:
            replica.kill()

    @contextlib.contextmanager
    def database_away(self):
        """Nobody gets a connection to the database."""
        def run(command):
            subprocess.run([tool("psql"), "-q", maintenance, "-c", command], check=True, stdout=subprocess.DEVNULL)

        address, name = self.database.rsplit("/", 1)
        maintenance = f"{address}/template1"
        run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        try:
            yield
        finally:
            run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    def shares(self, seconds: float) -> list[float]:
        """Which part of the calls each replica answers, for so long."""
        before = [replica.calls() for replica in self.replicas]
        time.sleep(seconds)
        answered = [replica.calls() - n for replica, n in zip(self.replicas, before)]
        return [n / max(sum(answered), 1) for n in answered]


def tool(name: str) -> str:
    """A program, wherever Debian or pip put it."""
    path = os.environ.get("PATH", "") + f":/usr/sbin:{ROOT / '.venv' / 'bin'}"
    found = shutil.which(name, path=path)
    assert found, f"{name} is missing: `make deps` installs it"
    return found


# What a shipped file listens on, and the same for an address of this run.
LISTENS = {
    "haproxy.cfg": ("bind :50051", "bind {}:50051"),
    "nginx.conf": ("listen 50051", "listen {}:50051"),
    "envoy.yaml": ("address: 0.0.0.0", "address: {}"),
}


def shipped(name: str, host: str, directory: pathlib.Path) -> pathlib.Path:
    """A shipped configuration, with the addresses of this run in it and nothing else changed."""
    text = (DEPLOY / name).read_text()
    for number in (1, 2, 3):
        # Where it stands for the host; HAProxy also calls its servers so.
        text, found = re.subn(rf"assay-{number}(?=:50051|, port)", f"{NETWORK}.{number}", text)
        assert found, f"assay-{number} is not in {name}"
    theirs, ours = LISTENS[name]
    assert text.count(theirs) == 1, f"{theirs} is not in {name}"
    path = directory / name
    path.write_text(text.replace(theirs, ours.format(host)))
    return path


class Callers:
    """No balancer at all: callers know all replicas, as from a Service of Kubernetes without an address."""

    address = "ipv4:" + ",".join(f"{NETWORK}.{number}:50051" for number in (1, 2, 3))
    hides_unavailable_as = staticmethod(list)
    asks_for_readiness = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Balancer:
    """One that runs from `with` to the end of the block."""

    HOSTS = {"haproxy": f"{NETWORK}.101", "nginx": f"{NETWORK}.102", "envoy": f"{NETWORK}.103"}

    def __init__(self, name: str, directory: pathlib.Path):
        self.name, self.directory, self.host = name, directory, self.HOSTS[name]
        self.address = f"{self.host}:50051"
        # The nginx that costs nothing only finds out by failing.
        self.asks_for_readiness = name != "nginx"

    def command(self) -> list:
        program, home = tool(self.name), self.directory
        match self.name:
            case "haproxy":
                return [program, "-db", "-dW", "-f", shipped("haproxy.cfg", self.host, home)]
            case "nginx":
                ours = f"daemon off; pid {home}/nginx.pid;"
                return [program, "-p", home, "-c", shipped("nginx.conf", self.host, home), "-g", ours]
            case "envoy":
                ours = ["--use-dynamic-base-id", "--log-level", "warn", "--concurrency", "2"]
                return [program, "-c", shipped("envoy.yaml", self.host, home), *ours]

    def hides_unavailable_as(self) -> list[grpc.StatusCode]:
        """HAProxy before 2.8 forgets the status when a stream ends before its caller has ended it."""
        if self.name != "haproxy":
            return []
        told = subprocess.run([tool("haproxy"), "-v"], capture_output=True, text=True, check=True).stdout
        version = tuple(int(n) for n in re.search(r"version (\d+)\.(\d+)", told).groups())
        return [grpc.StatusCode.CANCELLED] if version < (2, 8) else []

    def __enter__(self):
        self.log = open(self.directory / f"{self.name}.log", "wb")
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log)
        until(self.answers, 20, f"{self.name} passing on a call")
        return self

    def answers(self) -> bool:
        assert self.process.poll() is None, (self.directory / f"{self.name}.log").read_text()
        try:
            with grpc.insecure_channel(self.address) as channel:
                health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=1)
            return True
        except grpc.RpcError:
            return False

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=20)
        self.log.close()
