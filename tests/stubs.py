"""Stubs that the official tools generate from proto/. Importing this makes them importable."""

import pathlib
import shutil
import sys

import grpc_tools
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[1]
GENERATED = ROOT / "target" / "python-stubs"


def generate() -> None:
    shutil.rmtree(GENERATED, ignore_errors=True)
    GENERATED.mkdir(parents=True)
    protos = sorted(str(p.relative_to(ROOT / "proto")) for p in (ROOT / "proto" / "assay").rglob("*.proto"))
    protos += ["google/type/money.proto"]
    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    include = [f"-I{ROOT / 'proto'}", f"-I{well_known}"]
    code = protoc.main(["protoc", *include, f"--python_out={GENERATED}", f"--grpc_python_out={GENERATED}", *protos])
    assert code == 0, "the stubs can't be generated"
    # The generated google.type package must not hide the installed google package: our messages go first, and
    # google.type comes from googleapis-common-protos.
    shutil.rmtree(GENERATED / "google")


generate()
sys.path.insert(0, str(GENERATED))
