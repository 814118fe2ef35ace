"""Teaching: the training loop."""

import math
import time
from collections.abc import Iterable
from itertools import islice

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import LlamaForCausalLM

WARM_UP_STEPS = 100
REPORT_EVERY_STEPS = 50


def teach(network: LlamaForCausalLM, lessons: Iterable[tuple[Tensor, Tensor]], steps: int, peak_rate: float) -> None:
    """Trains `network` in place for `steps` batches and prints the step, the mean loss and the time left."""
    optimizer = torch.optim.AdamW(_groups(network), lr=peak_rate, betas=(0.9, 0.98), fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    started, losses = time.monotonic(), 0.0
    network.train()
    for step, (ids, taught) in enumerate(islice(lessons, steps), start=1):
        losses += _learn(network, optimizer, ids, taught)
        schedule.step()
        if step % REPORT_EVERY_STEPS == 0 or step == steps:
            spent_s = time.monotonic() - started
            left_s = spent_s / step * (steps - step)
            mean = losses / ((step - 1) % REPORT_EVERY_STEPS + 1)
            print(f"step {step:5d}/{steps}  loss {mean:.3f}  spent {spent_s:4.0f} s  left {left_s:4.0f} s", flush=True)
            losses = 0.0


def _learn(network: LlamaForCausalLM, optimizer: torch.optim.Optimizer, ids: Tensor, taught: Tensor) -> float:
    """One step; returns the mean loss in nats per taught token. Only those are worth the cost of their logits."""
    states = network.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
    wanted = taught[:, 1:]
    loss = cross_entropy(network.lm_head(states[wanted]), ids[:, 1:][wanted])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    return float(loss.item())


def _groups(network: LlamaForCausalLM) -> list[dict[str, object]]:
    """Weight decay for matrices, none for norms."""
    matrices = [p for p in network.parameters() if p.dim() > 1]
    vectors = [p for p in network.parameters() if p.dim() == 1]
    return [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]


def _rate(step: int, steps: int) -> float:
    """The share of the peak rate: a linear warm-up, then a cosine down to a fiftieth."""
    if step < WARM_UP_STEPS:
        return (step + 1) / WARM_UP_STEPS
    progress = (step - WARM_UP_STEPS) / max(1, steps - WARM_UP_STEPS)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress))
