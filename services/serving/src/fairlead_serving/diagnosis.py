"""Finds out why an engine did not start, and says it in one line: what failed, and what to change.

vLLM's own exception says only "Engine core initialization failed. See root cause above". The cause was printed by one
of the engine's processes; this module knows what the usual ones look like.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from fairlead_serving.model_files import DISK_FULL

_LOG_PREFIX = re.compile(r"^(?:\([^)]*pid=\d+[^)]*\)\s*)*(?:(?:ERROR|WARNING|INFO)\s[\d\-:. ]+\[[^\]]+\]\s?)?")
_RAISED = re.compile(r"^(?P<kind>[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Failed|Unavailable)): (?P<said>.+)$")
_UNTELLING = ("Engine core initialization failed", "WorkerProc initialization failed", "Engine core proc")
_MAX_LENGTH = 400


@dataclass(frozen=True, slots=True)
class _Cause:
    """What a cause looks like in the output, and what to say about it."""

    pattern: re.Pattern[str]
    say: Callable[[re.Match[str]], str]


def _cause(pattern: str, message: str) -> _Cause:
    """A cause whose message may refer to the pattern's groups as {name}."""
    return _Cause(re.compile(pattern), lambda match: message.format(**match.groupdict()))


_CAUSES = (
    _cause(
        r"max seq len \((?P<length>\d+)\).*?estimated maximum model length is (?P<fits>\d+)",
        "the KV cache has no room for one request of {length} tokens: set spec.engine.arguments.max-model-len to "
        "{fits} or less, or give the model more memory",
    ),
    _cause(
        r"max seq len \((?P<length>\d+)\).*?(?P<need>[\d.]+) GiB KV cache is needed.*?available KV cache memory "
        r"\((?P<have>[\d.]+) GiB\)",
        "the KV cache has no room for one request of {length} tokens ({need} GiB needed, {have} GiB there): set "
        "spec.engine.arguments.max-model-len lower, or give the model more memory",
    ),
    _cause(
        r"No available memory for the cache blocks",
        "no memory is left for the KV cache beside the weights: raise spec.engine.arguments.gpu-memory-utilization, or "
        "use a larger accelerator or more parallelism",
    ),
    _cause(
        r"Free memory on device .*?\((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\).*?less than desired",
        "only {free} of the accelerator's {total} GiB are free: end what else runs on it, or lower "
        "spec.engine.arguments.gpu-memory-utilization",
    ),
    _cause(
        r"Available memory on node \d+ \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) on kv cache allocation is less than "
        r"requested memory for kv \((?P<want>[\d.]+) GiB\)",
        "the KV cache is to take {want} GiB, but only {free} GiB of memory are free: lower spec.resources.memory or "
        "VLLM_CPU_KVCACHE_SPACE in spec.engine.env",
    ),
    _cause(
        r"(?:CUDA|HIP|XPU) out of memory|torch\.(?:cuda\.)?OutOfMemoryError|DefaultCPUAllocator: can't allocate",
        "memory ran out while the model was loaded: use a larger accelerator, more spec.parallelism.tensor, or a "
        "smaller or quantised model",
    ),
    _cause(
        r"User-specified max_model_len \((?P<asked>\d+)\) is greater than the derived max_model_len "
        r"\((?:[\w.]+=)?(?P<has>\d+)",
        "spec.engine.arguments.max-model-len is {asked}, but the model is made for {has} tokens: set it to {has} or "
        "less",
    ),
    _cause(
        r"Total number of attention heads \((?P<heads>\d+)\) must be divisible by tensor parallel size "
        r"\((?P<size>\d+)\)",
        "spec.parallelism.tensor is {size}, which does not divide the model's {heads} attention heads: set a divisor",
    ),
    _cause(
        r"(?P<what>\d+ is not divisible by \d+)",
        "the model's layers cannot be divided among the ranks ({what}): choose another spec.parallelism.tensor",
    ),
    _cause(
        r"Model architectures \[(?P<name>[^\]]*)\] (?:are not supported|failed to be inspected)",
        "this vLLM does not support the model's architecture ({name}): choose another model or a newer engine",
    ),
    _cause(
        r"model type `(?P<name>[^`]+)` but Transformers does not recognize this architecture",
        "this engine does not know the model type {name}: choose another model or a newer engine",
    ),
    _cause(
        r"Cannot find any model weights with `(?P<folder>[^`]+)`",
        "there are no safetensors weights in {folder}: fetch or convert the model again",
    ),
    _cause(
        r"(?:SafetensorError: |safetensors_rust\.SafetensorError: )(?P<said>[^\n]+)",
        "the weights are damaged ({said}): fetch the model again",
    ),
    _cause(
        r"Following weights were not initialized from checkpoint: (?P<names>[^\n]{1,120})",
        "the weights do not belong to config.json (missing: {names}): fetch the model again",
    ),
    _cause(
        r"The size of tensor a \(\d+\) must match the size of tensor b \(\d+\)|size mismatch for [\w.]+",
        "the weights do not fit config.json (another shape): fetch the model again",
    ),
    _cause(
        r"has no attribute 'init_cpu_memory_env'|libnuma\.so\.1: cannot open shared object file",
        "the system library libnuma1 is missing: install it (apt-get install libnuma1)",
    ),
    _cause(
        r"(?:Failed to infer device type|No CUDA GPUs are available|no NVIDIA driver)",
        "no accelerator is visible to the replica: check the driver, or leave spec.resources.accelerator out to run on "
        "CPU",
    ),
    _cause(
        r"Can't load tokenizer|Couldn't instantiate the backend tokenizer|not appear to have a file named tokenizer",
        "the model's tokenizer cannot be loaded: fetch the model again with its tokenizer files",
    ),
    _cause(
        r"validation errors? for \w+\n[^\n]*?(?:Value error, |Assertion failed, )(?P<said>[^\n]+?)(?: \[type=|\n|$)",
        "vLLM refuses this configuration: {said}",
    ),
    _cause(r"No space left on device", DISK_FULL),
)


def explain(error: BaseException, output: str) -> str:
    """Return the root cause of a failed start in one line.

    Args:
        error: What vLLM raised in the replica.
        output: What the replica and its engine's processes printed meanwhile.
    """
    said = _plain(output) + "\n" + "\n".join(_chain(error))
    for cause in _CAUSES:
        if match := cause.pattern.search(said):
            return cause.say(match)
    return "the engine did not start: " + _one_line(_first_raised(said) or f"{type(error).__name__}: {error}")


def _plain(output: str) -> str:
    return "\n".join(_LOG_PREFIX.sub("", line) for line in output.splitlines())


def _chain(error: BaseException) -> list[str]:
    said = []
    link: BaseException | None = error
    while link is not None:
        said.append(f"{type(link).__name__}: {link}")
        link = link.__cause__ or link.__context__
    return said[::-1]


def _first_raised(said: str) -> str | None:
    """The first exception that says something itself; worker processes print before those that wait for them."""
    told = [match for line in said.splitlines() if (match := _RAISED.match(line.strip()))]
    telling = [match for match in told if not match["said"].startswith(_UNTELLING)]
    return f"{telling[0]['kind']}: {telling[0]['said']}" if telling else None


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_LENGTH else line[: _MAX_LENGTH - 1] + "…"
