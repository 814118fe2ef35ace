"""How long a file of sound lasts at least, told from its size and its first bytes without decoding them.

It counts where the engine's own measure never comes, because the client left before there was one. A WAV file says how
many bytes a second has. Any other file is taken for the densest that people record, uncompressed stereo at 48 kHz:
what it really holds is longer, so nobody is charged for more than was sent.
"""

from typing import Final

LONGEST_AUDIO_S: Final = 600
"""Seconds of sound that an engine takes (vLLM's VLLM_MAX_AUDIO_DECODE_DURATION_S)."""

DENSEST_BYTES_PER_S: Final = 48_000 * 2 * 2
_HEAD_BYTES: Final = 12
_CHUNK_HEAD_BYTES: Final = 8
_FORMAT_BYTES: Final = 16


def least_seconds(size: int, beginning: bytes) -> int:
    """Return for how many seconds a file sounds at least, begun ones whole; never 0, never more than engines take.

    Args:
        size: Of the whole file, in bytes.
        beginning: Its first bytes; a WAV file says in the first hundred what it is, unless other things come before.
    """
    sound_bytes, bytes_per_s = _wav(size, beginning) or (size, DENSEST_BYTES_PER_S)
    return min(max(-(-sound_bytes // bytes_per_s), 1), LONGEST_AUDIO_S)


def _wav(size: int, beginning: bytes) -> tuple[int, int] | None:
    """Return how many bytes of sound a WAV file has, and how many a second; None where it is none, or does not say."""
    if beginning[:4] != b"RIFF" or beginning[8:_HEAD_BYTES] != b"WAVE":
        return None
    at, bytes_per_s = _HEAD_BYTES, 0
    while at + _CHUNK_HEAD_BYTES <= len(beginning):
        kind, length = beginning[at : at + 4], _number(beginning[at + 4 : at + 8])
        at += _CHUNK_HEAD_BYTES
        if kind == b"fmt ":
            bytes_per_s = _bytes_per_s(beginning[at : at + _FORMAT_BYTES])
        elif kind == b"data":
            return (min(length, size - at), bytes_per_s) if bytes_per_s else None
        at += length + length % 2  # chunks begin at even places
    return None


def _bytes_per_s(form: bytes) -> int:
    """Return what decoders go by: channels, rate and bits; the bytes per second that stand there too are not used."""
    channels, rate, bits = _number(form[2:4]), _number(form[4:8]), _number(form[14:16])
    return channels * rate * bits // 8


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
