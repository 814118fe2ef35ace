"""Which media a prompt may name: content that it brings along, and addresses in domains that the operator listed.

An engine that fetches whatever a client names is a door into the network that it stands in (CVE-2026-24779). The
parsers of gateway and engine can disagree on odd addresses, which is how such lists have been passed before
(CVE-2026-25960); so an address is taken only in the one plain form on which no two parsers differ. `data:` addresses
carry the content itself: nothing is fetched, and the bound on the body is their bound.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from fairlead_gateway.checks.rules import kind, refuse

MAX_URL_CHARS: Final = 2048
_DATA: Final = "data:"

_URL_FIELDS: Final = frozenset({"image_url", "audio_url", "video_url", "file_url"})
_TENSOR_FIELDS: Final = frozenset({"image_embeds", "audio_embeds", "video_embeds", "prompt_embeds", "image_pil"})
_MEDIA_FIELDS: Final = _URL_FIELDS | _TENSOR_FIELDS | {"input_audio"}

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_TOP_LABEL = r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)+{_TOP_LABEL}", re.ASCII | re.IGNORECASE)
"""A name with at least one dot whose last part begins with a letter, which no spelling of an address does."""

_IN_PATH = r"[a-z0-9\-._~!$&'()*+,;=:@/]|%[0-9a-f]{2}"
_URL: Final = re.compile(
    rf"https://(?P<host>{DOMAIN.pattern})(?:/(?:{_IN_PATH})*+)?(?:\?(?:{_IN_PATH}|\?)*+)?", re.ASCII | re.IGNORECASE
)
"""Without `re.ASCII`, `[a-z]` would match the Kelvin sign, for one is a spelling of the other's lower case."""


def check_media(values: Mapping[str, object], domains: Collection[str]) -> None:
    """Check every medium in a request's prompt.

    Args:
        values: The request's fields.
        domains: Domains, in lower case, from which media may be fetched; none fetches nothing.

    Raises:
        InvalidValue: One is in a form or at an address that is not taken.
    """
    messages = values.get("messages")
    for index, message in enumerate(messages if isinstance(messages, list) else ()):
        content = message.get("content")
        if isinstance(content, list):  # a text holds no media, and most content is text
            _check_parts(f"messages[{index}].content", content, domains)
    for field in ("system", "input"):
        _check_parts(field, values.get(field), domains)


def _check_parts(path: str, value: object, domains: Collection[str]) -> None:
    if isinstance(value, dict | list):
        for found, part in _parts(path, value):
            _check_part(found, part, domains)


def _parts(path: str, value: object) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield every object within a prompt, but not what a model once said to a tool: that is data."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, dict | list):  # token ids by the million must not cost a call each
                yield from _parts(f"{path}[{index}]", item)
    elif isinstance(value, dict):
        yield path, value
        for name, child in value.items():
            if isinstance(child, dict | list) and not (name == "input" and value.get("type") == "tool_use"):
                yield from _parts(f"{path}.{name[:80]}", child)


def _check_part(path: str, part: dict[str, object], domains: Collection[str]) -> None:
    for name in _TENSOR_FIELDS & part.keys():
        refuse(f"{path}.{name}", "is a serialised tensor, which is not accepted from clients; send the medium itself")
    media = _MEDIA_FIELDS & part.keys()
    if media and part.get("uuid") is not None:
        refuse(f"{path}.uuid", "would name media that other tenants sent; leave it out")
    for name in media & _URL_FIELDS:
        given = part[name]
        _check_url(f"{path}.{name}", given.get("url") if isinstance(given, dict) else given, domains)
    source = part.get("source")
    if isinstance(source, dict) and "url" in source:
        _check_url(f"{path}.source.url", source["url"], domains)


def _check_url(name: str, url: object, domains: Collection[str]) -> None:
    if not isinstance(url, str):
        refuse(name, f"must be an address as a string, not {kind(url)}")
    if url[: len(_DATA)].lower() == _DATA:
        return
    if not domains:
        refuse(name, "names something elsewhere, and this server fetches nothing; send the content as a `data:` URL")
    match = _URL.fullmatch(url) if len(url) <= MAX_URL_CHARS else None
    if match is None:
        refuse(
            name,
            f"must be a plain address such as https://{min(domains)}/a.png: https, a host name without user and port, "
            f"no fragment, other characters percent-encoded, at most {MAX_URL_CHARS} characters; or a `data:` URL",
        )
    host = match["host"].lower()
    if not any(host == domain or host.endswith(f".{domain}") for domain in domains):
        listed = ", ".join(sorted(domains)[:5])
        refuse(name, f"is at `{host}`, from which nothing is fetched; use {listed}, or send a `data:` URL")
