"""Three replicas on one PostgreSQL, and a table of what the balancers did at the end of the run."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import stubs  # noqa: E402, F401 - makes the generated code importable

from cluster import Cluster  # noqa: E402

ROWS: list[dict] = []


@pytest.fixture(scope="session")
def processes(tmp_path_factory):
    database = os.environ.get("ASSAY_TEST_POSTGRES")
    assert database, "run it with a PostgreSQL: tests/with-postgres .venv/bin/pytest tests/deploy"
    cluster = Cluster(database, tmp_path_factory.mktemp("replicas"))
    yield cluster
    cluster.kill()


@pytest.fixture
def cluster(processes):
    processes.start()
    return processes


@pytest.fixture(scope="session")
def report():
    return ROWS


def pytest_terminal_summary(terminalreporter):
    if not ROWS:
        return
    head = list(ROWS[0])
    lines = [head, *([str(row[key]) for key in head] for row in ROWS)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    terminalreporter.section("behind load balancers")
    for line in lines:
        terminalreporter.write_line("  ".join(cell.rjust(width) for cell, width in zip(line, widths)))
