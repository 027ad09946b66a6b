"""The control API's server, inside the engine's own loop."""

import asyncio
import socket
from pathlib import Path

import grpc
import grpc.aio
import msgspec
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection

from arbiter.api.common import listen
from arbiter.api.control.deps import ControlDeps
from arbiter.api.control.services import SERVICES, add_services
from arbiter.model.errors import BadConfig, Conflict

log = structlog.get_logger(__name__)

LARGEST_REQUEST = 1024 * 1024
LARGEST_ANSWER = 16 * 1024 * 1024
MOST_CALLS = 1_000
"""Calls and streams under way at once; further ones are refused."""
_GRACE_S = 2.0
_LOOK_S = 1.0


class ControlSettings(msgspec.Struct, frozen=True, kw_only=True):
    host: str = "127.0.0.1"
    port: int = 50_051
    """0 takes a free one."""
    ssl_cert: str = ""
    """PEM files; with both it speaks TLS and nothing else."""
    ssl_key: str = ""

    @property
    def tls(self) -> bool:
        return bool(self.ssl_cert)


class ControlServer:
    """`bind` at once, so that a taken port is told before anything starts; then `run` as a task."""

    def __init__(self, deps: ControlDeps, settings: ControlSettings) -> None:
        self._deps = deps
        self._settings = settings
        self._server: grpc.aio.Server | None = None
        self._ports: list[tuple[str, int]] = []
        self._serving = asyncio.Event()
        self._stopping = asyncio.Event()

    @property
    def urls(self) -> tuple[str, ...]:
        """Where it listens; empty before `bind`."""
        scheme = "grpcs" if self._settings.tls else "grpc"
        return tuple(
            f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
            for host, port in self._ports
        )

    @property
    def bound(self) -> bool:
        """It listens and answers."""
        return self._serving.is_set() and not self._stopping.is_set()

    def bind(self) -> None:
        """Open the sockets. `Conflict` or `BadConfig` says why they cannot be had."""
        settings = self._settings
        # gRPC's own message for a taken port says nothing: have ours look first.
        tried = listen.bind(settings.host, settings.port, setting="listen.control_port")
        wanted = [each.getsockname()[:2] for each in tried]
        names = [each.family is socket.AF_INET6 for each in tried]
        for each in tried:
            each.close()
        server = grpc.aio.server(
            options=(
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", LARGEST_REQUEST),
                ("grpc.max_send_message_length", LARGEST_ANSWER),
                ("grpc.max_metadata_size", 16 * 1024),
                ("grpc.keepalive_time_ms", 60_000),
                ("grpc.keepalive_timeout_ms", 20_000),
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
                ("grpc.keepalive_permit_without_calls", 1),
            ),
            maximum_concurrent_rpcs=MOST_CALLS,
        )
        credentials = _credentials(settings)
        for (host, port), six in zip(wanted, names, strict=True):
            address = f"[{host}]:{port}" if six else f"{host}:{port}"
            try:
                if credentials is None:
                    server.add_insecure_port(address)
                else:
                    server.add_secure_port(address, credentials)
            except RuntimeError:
                raise Conflict(
                    f"port {port} is in use by another program; set listen.control_port"
                ) from None
            self._ports.append((host, port))
        add_services(server, self._deps)
        self._health = HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        shown = (*SERVICES, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name)
        reflection.enable_server_reflection((*shown, reflection.SERVICE_NAME), server)
        self._server = server

    async def run(self) -> None:
        """Serve until `stop` or cancelled; binds where that was not done."""
        if self._server is None:
            self.bind()
        server = self._server
        assert server is not None
        await server.start()
        self._serving.set()
        try:
            await self._watch_health()
            await self._health.enter_graceful_shutdown()
            await server.stop(_GRACE_S)
        finally:
            self._stopping.set()
            await server.stop(None)

    async def ready(self) -> None:
        """Return once calls are answered."""
        await self._serving.wait()

    def stop(self) -> None:
        """Answer what is being answered and end; `run` returns then, after 2 s at most."""
        self._stopping.set()

    async def _watch_health(self) -> None:
        """Keep the health service true until told to stop."""
        status = health_pb2.HealthCheckResponse
        shown = None
        while not self._stopping.is_set():
            now = status.SERVING if self._deps.queries.ready else status.NOT_SERVING
            if now != shown:
                for name in ("", *SERVICES):
                    await self._health.set(name, now)
                shown = now
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self._stopping.wait()
            except TimeoutError:
                continue


def _credentials(settings: ControlSettings) -> grpc.ServerCredentials | None:
    if not settings.tls:
        return None
    try:
        key, cert = Path(settings.ssl_key).read_bytes(), Path(settings.ssl_cert).read_bytes()
    except OSError as error:
        raise BadConfig(
            f"listen.control_ssl_cert and _key: {error.filename} cannot be read: {error.strerror}"
        ) from error
    return grpc.ssl_server_credentials([(key, cert)])
