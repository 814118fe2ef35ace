"""Forms with a file."""

import pytest

from fairlead_contract.errors import FairleadError, InvalidRequest, InvalidValue, RequestTooLarge, UnsupportedMediaType
from fairlead_gateway.form import _SLICE_BYTES, MAX_PARTS, MAX_TEXT_BYTES, Form, read_form
from tests.gateway.support.forms import BOUNDARY, FORM, SOUND, audio_form, form, part

TYPE = FORM["Content-Type"]
FILE = part("file", SOUND, filename="speech.wav")


async def read(body: bytes) -> Form:
    return await read_form(body, TYPE)


async def read_again(sent: Form, model: str = "served") -> Form:
    """Read what is sent to the engine."""
    return await read_form(b"".join(sent.pieces(model)), sent.content_type)


async def test_values_are_what_their_texts_stand_for() -> None:
    """Booleans and numbers are told from texts by their field, lists by the brackets of their name."""
    fields = [
        ("model", "whisper"),
        ("prompt", "true"),
        ("stream", "True"),
        ("temperature", "0.5"),
        ("seed", "7"),
        ("top_p", "much"),
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities[]", "segment"),
    ]
    assert (await read(audio_form(fields))).values == {
        "model": "whisper",
        "prompt": "true",
        "stream": True,
        "temperature": 0.5,
        "seed": 7,
        "top_p": "much",
        "timestamp_granularities[]": ["word", "segment"],
        "file": len(SOUND),
    }


async def test_the_file_goes_on_byte_by_byte() -> None:
    """The engine gets the file's bytes as they came and the model by its own name, but no filename and no boundary."""
    sent = await read(audio_form([("model", "alias"), ("prompt", "größer")]))
    written = b"".join(sent.pieces("served"))
    assert b"\r\n\r\n" + SOUND + b"\r\n--" in written
    assert b"speech.wav" not in written
    assert BOUNDARY.encode() + b"\r\nContent" not in written
    again = await read_again(sent)
    assert again.values == {"model": "served", "prompt": "größer", "file": len(SOUND)}


async def test_the_file_is_not_copied() -> None:
    """What is sent to the engine are views of the body that came, however often it is sent."""
    body = audio_form(file=bytes(3 * _SLICE_BYTES))
    sent = await read(body)
    views = [piece for piece in sent.pieces("served") if isinstance(piece, memoryview) and piece.obj is body]
    assert sum(len(view) for view in views) > 3 * _SLICE_BYTES - len(BOUNDARY)


@pytest.mark.parametrize("off", range(-len(BOUNDARY) - 6, 6))
async def test_a_boundary_across_two_slices_is_found(off: int) -> None:
    """A large file is whole wherever the slices in which it is read end, also within something like a boundary."""
    head = len(part("file", b"", filename="speech.wav")) - 2
    tease = f"\r\n--{BOUNDARY[:-1]}!".encode()
    file = bytes(_SLICE_BYTES - head + off) + tease + b"\x01" * 100
    sent = await read(form(part("file", file, filename="speech.wav"), part("model", "m")))
    assert b"".join(sent.pieces("served")).count(file) == 1


async def test_nothing_in_a_file_passes_for_a_field() -> None:
    """A file that holds a form is a file: the boundary of what is sent is nobody's to guess."""
    smuggled = b"\r\n".join((b"", b"--other", b'Content-Disposition: form-data; name="vllm_xargs"', b"", b"{}"))
    sent = await read(audio_form(file=smuggled))
    assert set((await read_again(sent)).values) == {"model", "file"}
    assert sent.content_type != (await read(audio_form(file=smuggled))).content_type


@pytest.mark.parametrize(
    "body,kind,says",
    [
        (b"", InvalidRequest, "broken"),
        (b"no form", InvalidRequest, "broken"),
        (audio_form()[:-4], InvalidRequest, "broken"),
        (audio_form().replace(b"form-data", b"attachment"), InvalidRequest, "Content-Disposition"),
        (form(f"--{BOUNDARY}\r\n\r\nnameless\r\n".encode()), InvalidRequest, "Content-Disposition"),
        (form(part("model", "m", filename="x" * 2000)), InvalidRequest, "longer than 1024"),
        (form(*(part("include[]", "x") for _ in range(MAX_PARTS + 1))), InvalidRequest, "more than 64 parts"),
        (form(part("model", "a"), part("model", "b")), InvalidRequest, "given twice"),
        (form(part("file", "text")), InvalidValue, "must be a file"),
        (form(part("model", "m", filename="m")), InvalidValue, "not a file"),
        (form(part("prompt", b"\xff")), InvalidValue, "UTF-8"),
        (form(part("prompt", "x" * (MAX_TEXT_BYTES + 1))), RequestTooLarge, "besides the file"),
    ],
)
async def test_what_is_no_form_of_ours_is_refused(body: bytes, kind: type[FairleadError], says: str) -> None:
    """A form that is broken, too large in what is no file, or ambiguous is refused with what is wrong."""
    with pytest.raises(kind, match=says):
        await read(body)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "application/json",
        "multipart/form-data",
        'multipart/form-data; boundary=""',
        "multipart/mixed; boundary=x",
    ],
)
async def test_another_content_type_is_told_what_to_send(content_type: str | None) -> None:
    """Anything but a form with a boundary is refused with the content type that is wanted."""
    with pytest.raises(UnsupportedMediaType, match="multipart/form-data; boundary="):
        await read_form(audio_form(), content_type)
