"""Forms (multipart/form-data), byte by byte."""

import struct
from collections.abc import Iterable

BOUNDARY = "a-boundary-of-the-client"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
SOUND = b"RIFF\x00\xff\r\n--a-bound\r\n\r\nWAVE"
"""What looks like a boundary's beginning, as sound may."""


def wav(*, seconds: float, rate: int, channels: int = 1, before: bytes = b"") -> bytes:
    """A WAV file of silence with 16 bits; other chunks may come before its format."""
    sound = bytes(int(seconds * rate) * channels * 2)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * channels * 2, channels * 2, 16)
    chunks = before + form + struct.pack("<4sI", b"data", len(sound)) + sound
    return struct.pack("<4sI4s", b"RIFF", 4 + len(chunks), b"WAVE") + chunks


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
