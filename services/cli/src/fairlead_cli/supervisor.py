"""The one process that outlives `fairlead up --detach`: it owns Valkey, Ray and the gateway.

It starts them again when they end, gives Ray the applied models after each start of it, adopts every process that they
leave behind, and takes all of them down on SIGTERM.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from fairlead_cli.home import Home, find_home
from fairlead_cli.keeper import Keeper, ServiceSpec
from fairlead_cli.platform import Platform, Service, write_platform
from fairlead_cli.ports import Ports, choose_ports
from fairlead_cli.processes import adopt_orphans, identify, kill_all, platform_processes, reap_orphans
from fairlead_cli.scrape_targets import write_scrape_targets
from fairlead_cli.services import platform_services
from fairlead_cli.settings import Settings

log = logging.getLogger(__name__)

REAP_INTERVAL_S = 2.0


@dataclass(slots=True)
class Supervisor:
    """Keeps the services of one platform."""

    home: Home
    platform: Platform
    keepers: list[Keeper] = field(default_factory=list)

    async def run(self, specs: Sequence[ServiceSpec]) -> None:
        """Keep the services until SIGTERM or SIGINT; then end them, in the reverse order, and all they left."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        write_scrape_targets(self.home, self.platform.ports)
        self.keepers = [Keeper(spec, self._record) for spec in specs]
        for keeper in self.keepers:
            self._record(keeper.service)
        tasks = [asyncio.create_task(keeper.run()) for keeper in self.keepers]
        tasks.append(asyncio.create_task(self._reap()))
        await asyncio.wait([asyncio.create_task(stop.wait()), *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                log.error("the supervisor ends: %s", result, exc_info=result)
        await self._stop()

    async def _stop(self) -> None:
        for keeper in reversed(self.keepers):
            await keeper.stop()
        find = partial(platform_processes, self.home.root, self.platform.supervisor)
        left = await asyncio.to_thread(kill_all, find)
        reap_orphans(())
        if left:
            log.error("could not end the processes %s", [process.pid for process in left])
        self.home.platform.unlink(missing_ok=True)
        self.home.scrape_targets.unlink(missing_ok=True)
        log.info("the platform is down")

    def _record(self, service: Service) -> None:
        services = {**self.platform.services, service.name: service}
        self.platform = self.platform.model_copy(update={"services": services})
        write_platform(self.home, self.platform)

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(REAP_INTERVAL_S)
            await asyncio.to_thread(reap_orphans, [keeper.process.pid for keeper in self.keepers if keeper.process])


def new_platform(ports: Ports) -> Platform:
    """Return the state of a platform whose supervisor is the calling process."""
    myself = identify(os.getpid())
    if myself is None:
        raise RuntimeError("/proc does not show the calling process")
    return Platform(supervisor=myself, ports=ports)


def main() -> None:
    """Run the supervisor of the platform that the environment names."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    settings, home = Settings(), find_home()
    adopt_orphans()
    platform = new_platform(choose_ports(settings.port))
    supervisor = Supervisor(home, platform)
    specs = platform_services(home, platform, longest_stream_s=settings.longest_stream_s)
    asyncio.run(supervisor.run(specs))


if __name__ == "__main__":
    main()
