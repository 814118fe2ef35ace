"""Media in prompts: what is let through, and every trick by which an address has passed such a list before."""

from typing import Any

import pytest

from fairlead_contract.errors import InvalidValue
from fairlead_gateway.checks.media import check_media
from tests.gateway.builders import call

DOMAINS = frozenset({"images.example.com", "xn--bcher-kva.example"})
PNG = "data:image/png;base64,AAAA"


def image(url: object, **fields: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}, **fields}


def message(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


FETCHED = [
    "https://images.example.com/a.png",
    "https://images.example.com",
    "https://images.example.com/a%20b/@c?size=1&next=?",
    "https://IMAGES.Example.com/a.png",
    "HTTPS://images.example.com/a.png",
    "https://cdn.images.example.com/a.png",
    "https://xn--bcher-kva.example/a.png",
]


@pytest.mark.parametrize("url", FETCHED)
def test_an_address_in_a_listed_domain_is_let_through(url: str) -> None:
    """The domain itself and names below it, over https, in plain characters."""
    check_media(message(image(url)), DOMAINS)


TRICKS = {
    "another domain": "https://evil.example/a.png",
    "plain http": "http://images.example.com/a.png",
    "another scheme": "ftp://images.example.com/a.png",
    "a file": "file:///etc/passwd",
    "a file of a host": "file://images.example.com/etc/passwd",
    "no scheme": "images.example.com/a.png",
    "no scheme, two slashes": "//images.example.com/a.png",
    "one slash": "https:/images.example.com/a.png",
    "no slash": "https:images.example.com/a.png",
    "three slashes": "https:///images.example.com/a.png",
    "backslashes": "https:\\\\images.example.com\\a.png",
    "a user that looks like the domain": "https://images.example.com@evil.example/a.png",
    "a user": "https://me@images.example.com/a.png",
    "a user and password": "https://a:b@images.example.com/a.png",
    "a backslash before the at sign": "https://images.example.com\\@evil.example/a.png",
    "a backslash as slash": "https://evil.example\\images.example.com/a.png",
    "an encoded at sign": "https://images.example.com%40evil.example/a.png",
    "an encoded slash": "https://evil.example%2fimages.example.com/a.png",
    "an encoded dot": "https://images%2eexample.com/a.png",
    "an encoded NUL": "https://evil.example%00.images.example.com/a.png",
    "a trailing dot": "https://images.example.com./a.png",
    "a leading dot": "https://.images.example.com/a.png",
    "two dots": "https://images..example.com/a.png",
    "a port": "https://images.example.com:443/a.png",
    "another port": "https://images.example.com:6379/a.png",
    "an empty port": "https://images.example.com:/a.png",
    "a port that is a user": "https://images.example.com:443@evil.example/a.png",
    "a fragment": "https://images.example.com/#@evil.example",
    "a fragment before the domain": "https://evil.example#.images.example.com/",
    "a query before the domain": "https://evil.example?.images.example.com/",
    "a semicolon before the domain": "https://evil.example;.images.example.com/",
    "the domain as a prefix": "https://images.example.com.evil.example/a.png",
    "the domain as a suffix of a word": "https://evilimages.example.com/a.png",
    "the parent domain": "https://example.com/a.png",
    "loopback": "https://127.0.0.1/a.png",
    "loopback, short": "https://127.1/a.png",
    "loopback as one number": "https://2130706433/a.png",
    "loopback in octal": "https://0177.0.0.1/a.png",
    "loopback in hexadecimal": "https://0x7f.0.0.1/a.png",
    "loopback by name": "https://localhost/a.png",
    "the metadata service": "https://169.254.169.254/latest/meta-data/",
    "loopback, IPv6": "https://[::1]/a.png",
    "IPv4 in IPv6": "https://[::ffff:127.0.0.1]/a.png",
    "white space before": " https://images.example.com/a.png",
    "white space after": "https://images.example.com/a.png ",
    "white space inside": "https://images.example.com /a.png",
    "a tab in the scheme": "ht\ttps://images.example.com/a.png",
    "a line break": "https://images.example.com/a.png\n",
    "a header": "https://images.example.com/a.png HTTP/1.1\r\nX: y",
    "a NUL": "https://images.example.com/\x00a.png",
    "a full-width dot": "https://images\u3002example.com/a.png",
    "a letter in a circle": "https://\u24d8mages.example.com/a.png",
    "a long s": "https://image\u017f.example.com/a.png",
    "a name that is not ASCII": "https://b\u00fccher.example/a.png",
    "another name in punycode": "https://xn--images-example-com.evil.example/a.png",
    "a name that looks alike, in punycode": "https://xn--mages-zza.example.com/a.png",
    "a zero-width space": "https://images\u200b.example.com/a.png",
    "a broken escape": "https://images.example.com/%zz",
    "too long": "https://images.example.com/" + "a" * 3000,
    "empty": "",
    "almost data": "data",
    "data behind a space": " data:image/png;base64,AAAA",
    "javascript": "javascript:alert(1)",
}


@pytest.mark.parametrize("url", TRICKS.values(), ids=TRICKS.keys())
def test_no_trick_reaches_another_host(url: str) -> None:
    """An address that any two parsers could read differently is refused, with the form that is taken."""
    with pytest.raises(InvalidValue, match=r"must be a plain address|nothing is fetched") as refused:
        check_media(message(image(url)), DOMAINS)
    assert refused.value.param == "messages[0].content[0].image_url"


@pytest.mark.parametrize("url", FETCHED)
def test_nothing_is_fetched_by_default(url: str) -> None:
    """Without a list, only content that comes along is taken; the refusal says how to bring it along."""
    with pytest.raises(InvalidValue, match="this server fetches nothing; send the content as a `data:` URL"):
        call(**message(image(url)))


PLACES = {
    "chat, image": message(image("URL")),
    "chat, image without an object": message({"type": "image_url", "image_url": "URL"}),
    "chat, image without a type": message({"image_url": "URL"}),
    "chat, image that says it is text": message({"type": "text", "text": "x", "image_url": "URL"}),
    "chat, audio": message({"type": "audio_url", "audio_url": {"url": "URL"}}),
    "chat, video": message({"type": "video_url", "video_url": {"url": "URL"}}),
    "chat, in the second message": {
        "messages": [
            {"role": "user", "content": "x"},
            *message({"type": "text", "text": "x"}, image("URL"))["messages"],
        ]
    },
    "responses, image": {
        "input": [{"role": "user", "content": [{"type": "input_image", "image_url": "URL"}]}],
    },
    "responses, file": {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "URL"}]}]},
    "responses, a tool's answer": {
        "input": [{"type": "function_call_output", "output": [{"type": "input_image", "image_url": "URL"}]}]
    },
    "messages, image": message({"type": "image", "source": {"type": "url", "url": "URL"}}),
    "messages, document": message({"type": "document", "source": {"type": "url", "url": "URL"}}),
    "messages, a tool's answer": message(
        {"type": "tool_result", "content": [{"type": "image", "source": {"type": "url", "url": "URL"}}]}
    ),
    "messages, system": {"system": [{"type": "image", "source": {"type": "url", "url": "URL"}}]},
}


def filled(place: Any, url: str) -> Any:
    """Return a request with an address in its place."""
    if isinstance(place, dict):
        return {name: filled(value, url) for name, value in place.items()}
    if isinstance(place, list):
        return [filled(value, url) for value in place]
    return url if place == "URL" else place


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_addresses_are_found_wherever_an_engine_finds_them(place: dict[str, Any]) -> None:
    """Each dialect has places of its own, and all of them obey the list."""
    check_media(filled(place, PNG), frozenset())
    check_media(filled(place, "https://images.example.com/a"), DOMAINS)
    with pytest.raises(InvalidValue, match="from which nothing is fetched"):
        check_media(filled(place, "https://evil.example/a"), DOMAINS)


@pytest.mark.parametrize("field", ["image_embeds", "audio_embeds", "video_embeds", "prompt_embeds", "image_pil"])
def test_serialised_tensors_are_refused(field: str) -> None:
    """What an engine would unpack is not taken from clients, whatever its type says."""
    with pytest.raises(InvalidValue, match="serialised tensor"):
        call(**message({"type": "text", "text": "x", field: "AAAA"}))


def test_media_have_no_names_that_tenants_share() -> None:
    """A name would find in the engine's memory what another tenant has sent under it."""
    with pytest.raises(InvalidValue, match=r"content\[0\]\.uuid` would name media that other tenants sent"):
        call(**message(image(PNG, uuid="a")))


@pytest.mark.parametrize("url", [5, None, ["https://images.example.com"], {}, True])
def test_an_address_is_a_string(url: object) -> None:
    """Anything else is refused before an engine guesses what it means."""
    with pytest.raises(InvalidValue, match="must be an address as a string"):
        check_media(message(image(url)), DOMAINS)


def test_what_a_model_said_to_a_tool_is_data() -> None:
    """A tool's arguments may hold any address; nothing fetches them."""
    used = {"type": "tool_use", "id": "t", "name": "f", "input": {"image_url": "https://evil.example"}}
    check_media(message(used), frozenset())
    check_media({"tools": [{"parameters": {"properties": {"image_url": {"type": "string"}}}}]}, frozenset())
