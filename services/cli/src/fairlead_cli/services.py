"""The three services of a platform, in the order in which they start; they end in the reverse."""

import asyncio
import os
import shutil
from dataclasses import dataclass
from functools import partial

from fairlead_cli.deploy import deploy, serve_api
from fairlead_cli.errors import RayUnreachable
from fairlead_cli.gateway_process import GatewayProcess
from fairlead_cli.home import Home
from fairlead_cli.keeper import ServiceSpec
from fairlead_cli.platform import Platform, read_platform
from fairlead_cli.processes import MARK_VARIABLE, descendants, kill_all
from fairlead_cli.ray_head import RayHead
from fairlead_cli.valkey import Valkey
from fairlead_contract.errors import FairleadError
from fairlead_contract.files import locked, private_folder

VALKEY, RAY, GATEWAY = "valkey", "ray", "gateway"

GATEWAY_GRACE_S = 5.0
RAY_GRACE_S = 5.0
"""Ray waits for its replicas for half a minute and longer; nothing in it is worth that on one machine."""

RAY_START_TIMEOUT_S = 120.0
KEPT_RAY_SESSIONS = 2

DEPLOY_PAUSES_S = (1.0, 2.0, 5.0, 10.0)
"""Between attempts to reach a Ray that has just answered, and so is busy rather than gone."""


def platform_services(home: Home, platform: Platform, *, longest_stream_s: int) -> list[ServiceSpec]:
    """Return what the supervisor keeps.

    Raises:
        PlatformStartFailed: Ray would start open.
    """
    marked = {**os.environ, MARK_VARIABLE: str(home.root)}
    valkey = Valkey(home)
    valkey.write_configuration()
    gateway = GatewayProcess(home, platform.ports, longest_stream_s)
    return [
        ServiceSpec(
            name=VALKEY,
            command=valkey.command,
            environment=marked,
            log=home.logs / "valkey.log",
            is_ready=valkey.answers,
        ),
        _ray(home, platform, longest_stream_s),
        ServiceSpec(
            name=GATEWAY,
            command=gateway.command,
            environment=gateway.environment(marked),
            log=home.logs / "gateway.log",
            is_ready=gateway.answers,
            grace_s=GATEWAY_GRACE_S,
        ),
    ]


def _ray(home: Home, platform: Platform, longest_stream_s: int) -> ServiceSpec:
    head = RayHead(home, platform.ports, longest_stream_s)
    work = _RayWork(home, platform, longest_stream_s)
    return ServiceSpec(
        name=RAY,
        command=head.command,
        environment=head.environment(os.environ),
        log=home.logs / "ray.log",
        is_ready=work.answers,
        start_timeout_s=RAY_START_TIMEOUT_S,
        grace_s=RAY_GRACE_S,
        before_start=work.clear,
        after_start=work.deploy,
    )


@dataclass(frozen=True, slots=True)
class _RayWork:
    """What is done around each start of Ray."""

    home: Home
    platform: Platform
    longest_stream_s: int

    def answers(self) -> bool:
        try:
            serve_api(self.home, self.platform).status()
        except FairleadError:
            return False
        return True

    async def clear(self) -> None:
        """End what an earlier Ray left behind, and forget the logs of all but its last sessions."""
        await asyncio.to_thread(self._clear)

    def _clear(self) -> None:
        platform = read_platform(self.home)
        services = dict(platform.services) if platform else {}
        earlier = services.pop(RAY, None)
        if earlier and earlier.process:
            # The supervisor has adopted what outlived Ray, and has nothing else below it but the other services.
            others = [service.process.pid for service in services.values() if service.process]
            kill_all(partial(descendants, without=others))
        sessions = sorted(self.home.ray.glob("session_*_*"), key=lambda path: path.stat().st_mtime)
        for session in sessions[: 1 - KEPT_RAY_SESSIONS]:
            shutil.rmtree(session, ignore_errors=True)
        shutil.rmtree(self.home.haproxy, ignore_errors=True)
        private_folder(self.home.haproxy)

    async def deploy(self) -> str:
        """Give Ray Serve the applied models; return what went wrong, if anything."""
        for pause_s in DEPLOY_PAUSES_S:
            try:
                await asyncio.to_thread(self._deploy)
            except RayUnreachable:
                await asyncio.sleep(pause_s)
            except FairleadError as error:
                return error.message
            else:
                return ""
        return "Ray Serve did not take the models in time; it will be asked again when Ray is started again"

    def _deploy(self) -> None:
        with locked(self.home.lock):
            deploy(self.home, self.platform, longest_stream_s=self.longest_stream_s)
