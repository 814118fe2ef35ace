"""One platform for all tests of this folder: it starts once, as a newcomer starts it."""

from collections.abc import Iterator

import anthropic
import openai
import pytest

from tests.support.manifests import DEMO
from tests.support.otlp import OtlpReceiver, running_receiver
from tests.support.platform import Platform, running_platform


@pytest.fixture(scope="package")
def collector() -> Iterator[OtlpReceiver]:
    """Where the platform sends its traces."""
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="package")
def platform(collector: OtlpReceiver) -> Iterator[Platform]:
    """The platform with the demo model; when it is taken down, no process of it may be left.

    It records only the requests whose client wants it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        patch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        with running_platform(DEMO) as running:
            yield running


@pytest.fixture
def openai_client(platform: Platform) -> Iterator[openai.OpenAI]:
    """OpenAI's own client, configured as its users do."""
    with openai.OpenAI(base_url=f"{platform.url}/v1", api_key=platform.token) as client:
        yield client


@pytest.fixture
def anthropic_client(platform: Platform) -> Iterator[anthropic.Anthropic]:
    """Anthropic's own client, configured as its users do."""
    with anthropic.Anthropic(base_url=platform.url, api_key=platform.token) as client:
        yield client
