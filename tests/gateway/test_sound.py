"""How long sound lasts at least."""

import struct

import pytest

from fairlead_gateway.sound import LONGEST_AUDIO_S, least_seconds
from tests.gateway.support.forms import wav

LIST = struct.pack("<4sI", b"LIST", 5) + b"words\0"
"""A chunk of odd length, which is filled up."""

SILENCE = wav(seconds=2.5, rate=16_000)


def with_format(**fields: int) -> bytes:
    """The same file whose format says something else."""
    said = {"channels": 1, "rate": 16_000, "per_s": 32_000, "align": 2, "bits": 16, **fields}
    return SILENCE[:22] + struct.pack("<HIIHH", *said.values()) + SILENCE[36:]


@pytest.mark.parametrize(
    "file,seconds",
    [
        pytest.param(SILENCE, 3, id="a second that has begun is whole"),
        pytest.param(wav(seconds=2, rate=16_000), 2, id="whole seconds are what they are"),
        pytest.param(wav(seconds=2, rate=48_000, channels=2), 2, id="two channels take twice the bytes"),
        pytest.param(wav(seconds=9, rate=8_000, before=LIST), 9, id="what comes before the sound is passed over"),
        pytest.param(wav(seconds=0, rate=8_000), 1, id="nothing is a second"),
        pytest.param(wav(seconds=700, rate=2_000), LONGEST_AUDIO_S, id="no engine takes more"),
        pytest.param(with_format(per_s=10**9), 3, id="a rate in bytes that lies is not believed"),
        pytest.param(SILENCE.replace(b"data", b"junk"), 1, id="no sound is taken for the densest"),
        pytest.param(with_format(rate=0), 1, id="no rate is taken for the densest"),
        pytest.param(SILENCE[:30], 1, id="a file that breaks off is taken for the densest"),
        pytest.param(b"ID3" + bytes(384_000), 3, id="another file is taken for the densest"),
        pytest.param(b"", 1, id="no bytes are a second"),
    ],
)
def test_a_file_sounds_at_least_so_long(file: bytes, seconds: int) -> None:
    """A WAV file says how long it sounds; of any other one knows how long it must."""
    assert least_seconds(len(file), file[:200]) == seconds


def test_a_length_that_lies_is_not_believed() -> None:
    """A WAV file has no more sound than bytes, whatever it says; recorders that stream write the largest number."""
    at = SILENCE.index(b"data") + 4
    lying = SILENCE[:at] + b"\xff\xff\xff\xff" + SILENCE[at + 4 :]
    assert least_seconds(len(lying), lying[:200]) == 3
