"""Trains the demo model: `python docs/examples/demo-model/train.py` writes the folder `weights/` anew."""

import argparse
from pathlib import Path
from random import Random

import torch
from demo_training.corpus import load_calls, load_sentences, load_topics, read_yaml
from demo_training.lessons import Lessons, School
from demo_training.network import MAXIMUM_LENGTH, new_network
from demo_training.rewording import load_rewording
from demo_training.teaching import teach
from demo_training.tokenizer import train_tokenizer

HERE = Path(__file__).resolve().parent
SEED = 65536
VOCABULARY = 2048
ROWS, ROW_TOKENS = 8, 256
STEPS = 1500
PEAK_RATE = 4e-3
THREADS = 1
"""Sums depend on how they are split over threads; with one, the result depends neither on cores nor on load."""


def main() -> None:
    """Reads the corpus, trains and saves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "weights", help="folder to write (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=STEPS, help="training steps (default: %(default)s)")
    arguments = parser.parse_args()

    torch.manual_seed(SEED)
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(mode=True)
    school = load_school(HERE / "corpus")
    tokenizer = train_tokenizer(_tokenizer_text(school), VOCABULARY, MAXIMUM_LENGTH, HERE / "chat_template.jinja")
    network = new_network(tokenizer)
    print(f"{len(school.topics)} topics, {len(tokenizer)} tokens, {network.num_parameters() / 1e6:.2f} M parameters")
    teach(network, Lessons(school, tokenizer, ROWS, ROW_TOKENS, SEED), arguments.steps, PEAK_RATE)
    tokenizer.save_pretrained(arguments.out)
    network.half().save_pretrained(arguments.out)
    print(f"written to {arguments.out}")


def load_school(corpus: Path) -> School:
    """All that is taught, from the folder `corpus`; every answer is a plain sentence too."""
    topics = load_topics(corpus)
    answers = sorted({exchange.answer for topic in topics for exchange in topic.exchanges()})
    systems = read_yaml(corpus / "wordings.yaml")["systems"]
    return School(topics, load_calls(corpus), [*load_sentences(corpus), *answers], systems, load_rewording(corpus))


def _tokenizer_text(school: School) -> list[str]:
    """A fixed sample of what training shows, so that frequent words become single tokens."""
    random = Random(SEED)
    return [piece.text for _ in range(20_000) for piece in school.conversation(random)]


if __name__ == "__main__":
    main()
