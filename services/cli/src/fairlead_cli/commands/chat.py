"""`fairlead chat`."""

from datetime import timedelta
from typing import Annotated

import typer

from fairlead_cli.chat import Conversation, check_model, only_model
from fairlead_cli.credentials import mint_token
from fairlead_cli.home import find_home
from fairlead_cli.platform import running_platform
from fairlead_cli.tenants_file import DEFAULT_TENANT
from fairlead_contract.errors import FairleadError

TOKEN_LIFETIME = timedelta(hours=12)


def chat(
    model: Annotated[
        str | None, typer.Argument(help="Served name or alias; not needed where there is only one model.")
    ] = None,
    message: Annotated[str | None, typer.Argument(help="Ask this one thing, print the answer, and leave.")] = None,
    tenant: Annotated[str, typer.Option(help="Tenant to speak for.")] = DEFAULT_TENANT,
) -> None:
    """Talk to a model through the gateway; the answer is streamed.

    fairlead chat                         a conversation with the only model
    fairlead chat demo                    a conversation with one of several
    fairlead chat "What is Fairlead?"     one question to the only model
    fairlead chat demo "Who are you?"     one question to one of several
    """
    home = find_home()
    address = running_platform(home).address
    token = mint_token(home, tenant, TOKEN_LIFETIME)
    if message is None and model is not None and " " in model:
        model, message = None, model
    model = model or only_model(home)
    conversation = Conversation(address, token, check_model(address, token, model))
    if message is not None:
        _answer(conversation, message)
        return
    typer.echo(f"Talking to {conversation.model}. An empty line or Ctrl-D ends it.")
    while (text := _read_line()) != "":
        try:
            _answer(conversation, text)
        except FairleadError as error:
            typer.echo(f"error: {error.message}", err=True)


def _answer(conversation: Conversation, text: str) -> None:
    for piece in conversation.say(text):
        typer.echo(piece, nl=False)
    typer.echo()


def _read_line() -> str:
    try:
        return input("> ").strip()
    except (EOFError, KeyboardInterrupt):
        typer.echo()
        return ""
