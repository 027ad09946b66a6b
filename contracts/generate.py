"""Write the Python modules of `arbiter.proto`: ``python contracts/generate.py [FOLDER]``.

They go to ``src`` by default, at top level, where clients written from the published page import
them from. The stubs' types are written here: the compiler's plugin gives none.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from google.protobuf import descriptor_pb2
from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "src"
NAME = "arbiter"


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    described = out / f"{NAME}.descriptor"
    failed = protoc.main(
        [
            "protoc",
            f"-I{HERE}",
            f"-I{_well_known()}",
            f"--python_out={out}",
            f"--pyi_out={out}",
            f"--grpc_python_out={out}",
            f"--descriptor_set_out={described}",
            f"{NAME}.proto",
        ]
    )
    if failed:
        raise SystemExit(failed)
    found = descriptor_pb2.FileDescriptorSet.FromString(described.read_bytes())
    described.unlink()
    (out / f"{NAME}_pb2_grpc.pyi").write_text("\n".join(_stubs(found.file[0])) + "\n")


def _well_known() -> str:
    """Where google/protobuf/*.proto lie."""
    return str(Path(protoc.__file__).parent / "_proto")


def _stubs(file: descriptor_pb2.FileDescriptorProto) -> Iterator[str]:
    yield "from collections.abc import AsyncIterator, Awaitable, Iterator"
    yield ""
    yield "import arbiter_pb2 as pb"
    yield "import grpc"
    yield "import grpc.aio"
    for service in file.service:
        yield from _service(service)


def _service(service: descriptor_pb2.ServiceDescriptorProto) -> Iterator[str]:
    yield ""
    yield f"class {service.name}Stub:"
    yield "    def __init__(self, channel: grpc.Channel | grpc.aio.Channel) -> None: ..."
    for method in service.method:
        kind = "UnaryStreamMultiCallable" if method.server_streaming else "UnaryUnaryMultiCallable"
        yield f"    {method.name}: grpc.{kind}[{_types(method)}]"
    yield ""
    yield f"class {service.name}AsyncStub:"
    yield f'    """{service.name}Stub over a channel of grpc.aio; there is none such at run time."""'
    yield ""
    for method in service.method:
        kind = "UnaryStreamMultiCallable" if method.server_streaming else "UnaryUnaryMultiCallable"
        yield f"    {method.name}: grpc.aio.{kind}[{_types(method)}]"
    yield ""
    yield f"class {service.name}Servicer:"
    for method in service.method:
        answer = f"pb.{_plain(method.output_type)}"
        returned = (
            f"AsyncIterator[{answer}] | Iterator[{answer}]"
            if method.server_streaming
            else f"{answer} | Awaitable[{answer}]"
        )
        yield f"    def {method.name}("
        yield f"        self, request: pb.{_plain(method.input_type)},"
        yield f"        context: grpc.aio.ServicerContext[{_types(method)}]"
        yield f"    ) -> {returned}: ..."
    yield ""
    yield f"def add_{service.name}Servicer_to_server("
    yield f"    servicer: {service.name}Servicer, server: grpc.Server | grpc.aio.Server"
    yield ") -> None: ..."


def _types(method: descriptor_pb2.MethodDescriptorProto) -> str:
    return f"pb.{_plain(method.input_type)}, pb.{_plain(method.output_type)}"


def _plain(name: str) -> str:
    return name.rpartition(".")[2]


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else OUT)
