"""What a person reads when the platform is up: where it is, how to use it, how to stop it."""

from fairlead_cli.invocation import own_command
from fairlead_cli.platform import Platform
from fairlead_cli.status import ModelStatus, Phase

QUESTION = "What is Fairlead?"


def welcome(platform: Platform, rows: list[ModelStatus], *, attached: bool) -> str:
    """Return the closing words of `fairlead up`.

    Args:
        platform: The running platform.
        rows: The models, of which the first ready one that one can talk to is used as the example.
        attached: Whether the command stays and ends the platform on Ctrl-C.
    """
    command = own_command()
    lines = [f"Fairlead is ready at {platform.address}/v1", ""]
    example = next((row for row in rows if _can_talk(row)), None)
    if example:
        lines += [*_curl(platform, example.names[0], command), "", f"Chat:    {command} chat {example.names[0]}"]
    stop = "Ctrl-C, or from elsewhere: " if attached else ""
    return "\n".join([*lines, f"Status:  {command} status", f"Stop:    {stop}{command} down"])


def _can_talk(row: ModelStatus) -> bool:
    return row.phase is Phase.READY and bool(row.names) and row.task == "generate"


def _curl(platform: Platform, model: str, command: str) -> list[str]:
    body = f'{{"model": "{model}", "stream": true, "messages": [{{"role": "user", "content": "{QUESTION}"}}]}}'
    return [
        f"  curl -N {platform.address}/v1/chat/completions \\",
        f'    -H "Authorization: Bearer $({command} token)" \\',
        "    -H 'Content-Type: application/json' \\",
        f"    -d '{body}'",
    ]
