"""Every setting of the command line that the environment may change: `FAIRLEAD_` and the name in capitals."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from fairlead_contract.names import DEFAULT_GATEWAY_PORT


class Settings(BaseSettings):
    """What a person may set once instead of writing it in every command."""

    model_config = SettingsConfigDict(env_prefix="FAIRLEAD_", frozen=True, extra="ignore")

    home: Path = Field(default=Path("~/.fairlead"), description="The state folder.")
    port: int = Field(default=DEFAULT_GATEWAY_PORT, ge=1, le=65535, description="Where the gateway listens.")
    longest_stream_s: int = Field(
        default=600, ge=1, le=86_400, description="From which draining and HAProxy's hard stop are computed."
    )
