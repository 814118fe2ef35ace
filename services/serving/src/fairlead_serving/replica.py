"""The Serve deployment: one replica is one engine behind one guarded door.

Ray Serve places it, health-checks it, drains it and puts HAProxy before it; requests go from HAProxy straight to
the replica's own port, so no token passes through a Ray call.
"""

import asyncio
import os
from typing import Any

from ray import serve

from fairlead_contract.names import REPLICA_DEPLOYMENT
from fairlead_contract.replica import ReplicaSpec, ReplicaTuning
from fairlead_serving.access import ASGIApp, guarded
from fairlead_serving.guard import EngineGuard
from fairlead_serving.health import ProgressWatch
from fairlead_serving.internal_door import keep_local
from fairlead_serving.loading import load_engine, patience
from fairlead_serving.progress import log_progress
from fairlead_serving.ray_gauges import RayGauges
from fairlead_serving.settings import ServingSettings
from fairlead_serving.startup import Phase, StartupReport


@serve.deployment(name=REPLICA_DEPLOYMENT)
@serve.ingress()
class Replica:
    """One engine, from its weights to its last stream.

    Args:
        spec: A `ReplicaSpec` as JSON-able values.

    Raises:
        EngineStartFailed, DownloadFailed, SourceNeedsCluster: with the root cause in one line.
    """

    async def __init__(self, spec: dict[str, Any]) -> None:  # type: ignore[misc]  # Serve awaits it
        keep_local()
        log_progress()
        self._spec = ReplicaSpec.model_validate(spec)
        self._settings = ServingSettings.from_environment()
        context = serve.get_replica_context()
        gauges = RayGauges(model=self._spec.name, replica=context.replica_id.unique_id)
        self._facts = asyncio.get_running_loop().create_task(gauges.repeat_for_ever())
        self._report = StartupReport(gauges)
        try:
            self._engine = await load_engine(self._spec, self._settings, self._report)
        except Exception:
            self._report.enter(Phase.FAILED)
            raise
        self._watch = ProgressWatch(self._engine.is_working, patience(self._spec, ReplicaTuning()))
        self._guard = EngineGuard(self._engine, self._watch, leave=lambda: os._exit(1))

    async def __serve_build_asgi_app__(self) -> ASGIApp:
        application = await self._engine.application()
        self._guard.start()
        self._report.enter(Phase.READY)
        return guarded(application, self._settings.hop_secret, self._guard.check, self._spec.task)

    async def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Apply a new `ReplicaTuning` to the running replica."""
        self._watch.patience = patience(self._spec, ReplicaTuning.model_validate(user_config))

    async def check_health(self) -> None:
        """Return if the engine is well; Serve calls this every `health_check_period_s`.

        Raises:
            EngineDied: if the engine is dead or hung. Its processes are gone by then, and this one follows shortly.
        """
        self._guard.check()

    async def __del__(self) -> None:
        """Serve calls this when the last stream has ended, or the time for draining has."""
        if (guard := getattr(self, "_guard", None)) is not None:
            await guard.stop()
        if (engine := getattr(self, "_engine", None)) is not None:
            await asyncio.to_thread(engine.shutdown)
