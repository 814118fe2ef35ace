"""Forms (multipart/form-data), byte by byte."""

from collections.abc import Iterable

BOUNDARY = "a-boundary-of-the-client"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
SOUND = b"RIFF\x00\xff\r\n--a-bound\r\n\r\nWAVE"
"""What looks like a boundary's beginning, as sound may."""


def part(name: str, content: str | bytes, *, filename: str | None = None) -> bytes:
    """One part, as clients write it."""
    named = "" if filename is None else f'; filename="{filename}"\r\nContent-Type: audio/wav'
    body = content.encode() if isinstance(content, str) else content
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + body + b"\r\n"


def form(*parts: bytes) -> bytes:
    """A whole form."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def audio_form(fields: Iterable[tuple[str, str]] = (("model", "whisper"),), *, file: bytes = SOUND) -> bytes:
    """A form with a file of sound, after its other fields."""
    return form(*(part(*field) for field in fields), part("file", file, filename="speech.wav"))
