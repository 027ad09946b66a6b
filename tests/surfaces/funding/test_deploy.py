"""What is deployed beside the engine: the manifest's probes and the dashboard's metrics are real."""

import json
import re
from pathlib import Path

import httpx

from arbiter.api.funding.surface import make_ops_app
from arbiter.app.engine_metrics import EngineMetrics
from arbiter.model.denials import DenialCode, deny
from arbiter.model.events import PlanDenied
from tests.fakes.engine import Desk
from tests.fakes.ops import FixedFunding, ops_deps

DEPLOY = Path(__file__).parents[3] / "deploy"


async def test_the_manifest_s_probes_answer_without_a_key_on_its_port() -> None:
    manifest = (DEPLOY / "kubernetes" / "arbiter.yaml").read_text()
    probes = re.findall(r"(\w+)Probe:\s+httpGet:\s+path: (\S+)\s+port: (\d+)", manifest)
    assert probes == [("liveness", "/live", "9090"), ("readiness", "/ready", "9090")]
    app = make_ops_app(ops_deps(key_required=True))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://pod:9090") as client:
        for _, path, _ in probes:
            assert (await client.get(path)).status_code == 200


def _denied(desk: Desk) -> PlanDenied:
    return PlanDenied(at_ns=desk.clock.now_ns(), denied=deny(DenialCode.BALANCE, free=1), orders=())


async def test_every_metric_of_the_dashboard_is_exported() -> None:
    board = json.loads((DEPLOY / "grafana" / "arbiter.json").read_text())
    wanted = {
        name
        for panel in board["panels"]
        for target in panel["targets"]
        for name in re.findall(r"arbiter_\w+", target["expr"])
    }
    desk = Desk()
    metrics = EngineMetrics(desk.core, desk.clock)
    desk.hub.listen(metrics.watch)
    desk.open_spread()
    buy, sell = desk.outbox.sent
    desk.complete(buy)
    desk.complete(sell)
    desk.core.recorder.record(_denied(desk))
    facts = FixedFunding()
    facts.metrics = metrics.metrics
    transport = httpx.ASGITransport(app=make_ops_app(ops_deps(facts=facts)))
    async with httpx.AsyncClient(transport=transport, base_url="http://ops") as client:
        text = (await client.get("/metrics", headers={"Accept": "text/plain;version=0.0.4"})).text
    told = set(re.findall(r"^(arbiter_\w+)", text, re.MULTILINE))
    assert wanted <= told
