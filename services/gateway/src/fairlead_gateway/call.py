"""One inference request: parsed and checked, then rewritten for the engine without touching the values it keeps.

The body is parsed once into values, for the checks, and once into the raw bytes of its top-level fields. What goes
upstream is joined from those bytes, so that a prompt, a schema or a number arrives exactly as the client wrote it.
"""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Final

import msgspec

from fairlead_contract.errors import InvalidRequest, InvalidValue, UnknownField, UnsupportedMediaType
from fairlead_contract.routing import Route
from fairlead_gateway.checks.fields import REQUIRED, RULES
from fairlead_gateway.checks.json_bounds import parse_object
from fairlead_gateway.checks.media import check_media
from fairlead_gateway.checks.policy import DROPPED, REFUSED, known_fields, nearest
from fairlead_gateway.checks.prompts import MAX_PROMPTS
from fairlead_gateway.checks.rules import Rule, check_of
from fairlead_gateway.endpoints import Dialect, Endpoint
from fairlead_gateway.form import Form, read_form
from fairlead_gateway.scoring import SIDES, prompts_of, sides_of

JSON: Final = "application/json"

RawFields = Mapping[str, bytes | memoryview]

_raw_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Call(msgspec.Struct, frozen=True):
    """A checked request.

    Attributes:
        model: The model as the client named it.
        stream: Whether the answer is to be streamed.
        include_usage: Whether the client wants to see a stream's usage.
        max_output_tokens: The stated bound of one answer, or None.
        choices: Number of answers that the engine will generate: prompts times `n`.
        tokens_per_event: How many tokens the client wants in one event of its stream, or None.
        prompts: Number of prompts that the engine lays its template around.
        prompt_bytes: Bytes of the fields that make up the prompt, as often as the engine reads them.
        deterministic: Whether the same request is bound to give the same answer.
        fields: Raw bytes of each top-level field of a JSON body.
        form: What came instead of JSON, or None.
    """

    endpoint: Endpoint
    model: str
    stream: bool
    include_usage: bool
    max_output_tokens: int | None
    choices: int
    tokens_per_event: int | None
    prompts: int
    prompt_bytes: int
    deterministic: bool
    fields: RawFields
    form: Form | None = None

    @property
    def content_type(self) -> str:
        """The content type of the body for the engine."""
        return JSON if self.form is None else self.form.content_type


def parse(endpoint: Endpoint, body: bytes, content_type: str | None, *, media_domains: Collection[str] = ()) -> Call:
    """Check a request body; media are fetched from these domains alone.

    Raises:
        UnsupportedMediaType: The content type is not JSON.
        InvalidJson: The body is not one strict JSON object within bounds.
        UnknownField: Neither the vendor's API nor the engine knows a field.
        InvalidValue: A field holds what it may not.
        InvalidRequest: A field is refused, or fields contradict each other.
    """
    _check_content_type(content_type)
    values = parse_object(body)
    _check_fields(endpoint, values)
    _check_together(endpoint, values)
    check_media(values, media_domains)
    raw = {name: memoryview(value) for name, value in _raw_decoder.decode(body).items()}
    return _call(endpoint, values, raw)


async def parse_form(endpoint: Endpoint, body: bytes, content_type: str | None) -> Call:
    """Check a request body that is a form; a large one is read in slices, with other requests in between.

    Raises:
        FairleadError: As `read_form` and `parse`.
    """
    form = await read_form(body, content_type)
    _check_fields(endpoint, form.values)
    return _call(endpoint, form.values, {}, form)


def _call(endpoint: Endpoint, values: Mapping[str, object], raw: RawFields, form: Form | None = None) -> Call:
    options = values.get("stream_options")
    prompts, prompt_bytes = _prompts(endpoint, values, raw)
    choices = _choices(values)
    return Call(
        endpoint=endpoint,
        model=str(values["model"]),
        stream=bool(values.get("stream")),
        include_usage=isinstance(options, dict) and bool(options.get("include_usage")),
        max_output_tokens=_max_output_tokens(endpoint, values),
        choices=choices,
        tokens_per_event=_tokens_per_event(values),
        prompts=prompts,
        prompt_bytes=prompt_bytes,
        deterministic=endpoint.computed or (choices == 1 and _deterministic(values)),
        fields=raw,
        form=form,
    )


def rewrite(
    call: Call, route: Route, cache_salt: str | None, *, tokens_per_event: int = 1, answer_bound: int | None = None
) -> bytes:
    """Return a JSON body for the engine, all bytes kept but those of a few fields that the gateway sets.

    They are `model`, `stream_options`, `store`, `cache_salt` and, for more than one token per event, `stream_interval`.
    A `cache_salt` of None leaves the engine's prefix cache shared between tenants. An `answer_bound` is told as the
    most tokens of each answer, where a quota needs a bound and the request states none.
    """
    replaced: dict[str, bytes] = {"model": msgspec.json.encode(route.served_name)}
    if call.stream and call.endpoint.usage_on_request:
        replaced["stream_options"] = _with_usage(call.fields.get("stream_options"))
    if tokens_per_event > 1 and call.tokens_per_event is None:
        replaced["stream_interval"] = b"%d" % tokens_per_event
    if call.endpoint.dialect is Dialect.RESPONSES:
        replaced["store"] = b"false"
    if cache_salt is not None and call.endpoint.salted:
        replaced["cache_salt"] = msgspec.json.encode(cache_salt)
    if answer_bound is not None and call.endpoint.output_fields:
        replaced[call.endpoint.output_fields[0]] = b"%d" % answer_bound
    parts: list[bytes | memoryview] = [b"{"]
    for name, value in {**call.fields, **replaced}.items():
        if name not in DROPPED or name in replaced:
            parts += (_opening(name), value, b",")
    parts[-1] = b"}"  # in the place of the last comma; `model` is always there
    return b"".join(parts)


@cache
def _opening(name: str) -> bytes:
    """Return what stands before a field's value; a checked request has known names alone, so there are few."""
    return b"%b:" % msgspec.json.encode(name)


def _check_content_type(content_type: str | None) -> None:
    media_type, _, parameters = (content_type or "").partition(";")
    charset = parameters.strip().lower().replace('"', "").removeprefix("charset=")
    if media_type.strip().lower() != "application/json" or charset not in ("", "utf-8", "utf8"):
        shown = (content_type or "nothing")[:80]
        raise UnsupportedMediaType(f"The content type is {shown}. Send `content-type: application/json`, in UTF-8.")


def _check_fields(endpoint: Endpoint, values: Mapping[str, object]) -> None:
    rules = _rules(endpoint.kind)
    for name, value in values.items():
        rule = rules.get(name)
        if rule is None:
            _refuse_given(name, value)
            raise UnknownField(_unknown(name, endpoint), param=name[:80])
        rule(name, value)
    for name in REQUIRED[endpoint.kind]:
        if values.get(name) is None:
            raise InvalidValue(f"`{name}` is missing. {endpoint.path} needs it.", param=name)


@cache
def _rules(kind: str) -> Mapping[str, Rule]:
    """Return what each field that is known in a kind of request has to pass."""
    own = RULES[kind]
    return {name: _refuse_given if name in REFUSED else check_of(own.get(name)) for name in known_fields()[kind].names}


def _refuse_given(name: str, value: object) -> None:
    if value is not None and name in REFUSED:
        raise InvalidRequest(f"`{name}` is refused: {REFUSED[name]}.", param=name)


def _unknown(name: str, endpoint: Endpoint) -> str:
    near = nearest(name, known_fields()[endpoint.kind].names)
    hint = f" Did you mean `{near}`?" if near else " Leave it out."
    return f"`{name[:80]}` is not a field of {endpoint.path}.{hint}"


def _check_together(endpoint: Endpoint, values: Mapping[str, object]) -> None:
    if values.get("stream_options") is not None and not values.get("stream"):
        raise InvalidValue("`stream_options` needs `stream: true`.", param="stream_options")
    bounds = {name: values[name] for name in endpoint.output_fields if values.get(name) is not None}
    if len(bounds) > 1 and len(set(bounds.values())) > 1:
        named = " and ".join(f"`{name}`" for name in bounds)
        raise InvalidValue(
            f"{named} contradict each other. Send only `{endpoint.output_fields[0]}`.", param=next(iter(bounds))
        )
    if values.get("top_logprobs") and endpoint.kind == "chat" and not values.get("logprobs"):
        raise InvalidValue("`top_logprobs` needs `logprobs: true`.", param="top_logprobs")
    if values.get("tool_choice") not in (None, "none", "auto") and not values.get("tools") and endpoint.counted:
        raise InvalidValue("`tool_choice` needs `tools`.", param="tool_choice")
    if endpoint.kind == "tokenize" and (values.get("prompt") is None) == (values.get("messages") is None):
        raise InvalidValue("/tokenize needs exactly one of `prompt` and `messages`.", param="prompt")
    if endpoint.kind in SIDES:
        sides_of(endpoint.kind, values)
    if _choices(values) > MAX_PROMPTS:
        raise InvalidValue(f"`prompt` times `n` may be {MAX_PROMPTS} answers at most.", param="n")


def _max_output_tokens(endpoint: Endpoint, values: Mapping[str, object]) -> int | None:
    for name in endpoint.output_fields:
        value = values.get(name)
        if isinstance(value, int):
            return value
    return endpoint.engine_default_output


def _prompts(endpoint: Endpoint, values: Mapping[str, object], raw: RawFields) -> tuple[int, int]:
    """Return how many prompts there are, and how many bytes they have."""
    if endpoint.kind in SIDES:
        return prompts_of(endpoint.kind, values, {name: len(value) for name, value in raw.items()})
    return 1, sum([len(raw[name]) for name in endpoint.prompt_fields if name in raw])


def _choices(values: Mapping[str, object]) -> int:
    n = values.get("n")
    prompt = values.get("prompt")
    prompts = len(prompt) if isinstance(prompt, list) and not isinstance(prompt[0], int) else 1
    return prompts * (n if isinstance(n, int) else 1)


def _tokens_per_event(values: Mapping[str, object]) -> int | None:
    interval = values.get("stream_interval")
    return interval if isinstance(interval, int) else None


def _deterministic(values: Mapping[str, object]) -> bool:
    """Greedy, or seeded: a stated temperature of 0, or a seed."""
    return values.get("temperature") == 0 or values.get("seed") is not None


def _with_usage(raw: bytes | memoryview | None) -> bytes:
    """Return options that ask for usage; a client that asks for none gets none along the way either."""
    options = None if raw is None else msgspec.json.decode(raw)
    if options and options.get("include_usage"):
        return bytes(raw or b"")
    return b'{"include_usage":true}'
