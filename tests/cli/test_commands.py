"""The commands as a person runs them, with no platform running."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from fairlead_cli.home import Home
from fairlead_cli.main import run
from fairlead_contract.key_store import KeysInFile
from fairlead_contract.tenants import Limits

TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+\n")


@dataclass(frozen=True)
class Said:
    """What one command printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


Fairlead = Callable[..., Said]


@pytest.fixture
def fairlead(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Fairlead:
    """The command, run within the test's process."""

    def call(*arguments: str) -> Said:
        monkeypatch.setattr("sys.argv", ["fairlead", *arguments])
        with pytest.raises(SystemExit) as ended:
            run()
        printed = capsys.readouterr()
        return Said(int(ended.value.code or 0), printed.out, printed.err)

    return call


def test_token_alone(fairlead: Fairlead, home: Home) -> None:
    """`fairlead token` prints the token and nothing else."""
    said = fairlead("token", "--ttl", "1h")
    assert TOKEN.fullmatch(said.stdout), said
    assert said.stderr == ""
    assert home.jwt_key.exists()


def test_keys(fairlead: Fairlead, home: Home) -> None:
    """A key is printed once, listed without its secret, and shown as revoked after that."""
    key = fairlead("keys", "create", "--name", "laptop").stdout.strip()
    key_id = key.split("-")[1]
    listed = fairlead("keys", "list").stdout
    assert key_id in listed
    assert "laptop" in listed
    assert key not in listed + home.api_keys.read_text()
    assert fairlead("keys", "revoke", key_id).returncode == 0
    assert '"revoked_at": null' not in home.api_keys.read_text()


def test_keys_rotate(fairlead: Fairlead, home: Home) -> None:
    """A rotated key is printed alone; its scopes are listed."""
    old = fairlead("keys", "create", "--scope", "models:demo", "--scope", "routes:chat").stdout.strip()
    rotated = fairlead("keys", "rotate", old.split("-")[1], "--grace", "1h")
    assert re.fullmatch(r"fl-[0-9a-f]{12}-[\w-]{43}\n", rotated.stdout)
    assert rotated.stdout.split("-")[1] == old.split("-")[1]
    assert "good until" in rotated.stderr
    assert "models:demo" in fairlead("keys", "list").stdout
    assert rotated.stdout.strip() not in home.api_keys.read_text()


def test_keys_with_limits(fairlead: Fairlead, home: Home) -> None:
    """Limits of a key are taken as options and listed under the names of the tenants file."""
    options = ("--requests-per-minute", "60", "--parallel-requests", "2", "--cost-per-day", "1.5")
    key = fairlead("keys", "create", *options, "--tokens-per-minute", "900", "--tokens-per-day", "5000").stdout
    (record,) = KeysInFile(home.api_keys).read().keys
    assert record.id == key.split("-")[1]
    assert record.limits == Limits(
        requests_per_minute=60, tokens_per_minute=900, parallel_requests=2, tokens_per_day=5000, cost_per_day=1.5
    )
    listed = fairlead("keys", "list").stdout
    assert "requestsPerMinute: 60" in listed
    assert "costPerDay: 1.5" in listed


def test_status_of_nothing(fairlead: Fairlead, home: Home) -> None:
    """The status of a platform that was never started says that it is down, to people and to machines."""
    assert "down" in fairlead("status").stdout
    assert json.loads(fairlead("status", "--json").stdout)["running"] is False
    assert not home.platform.exists()


def test_down_of_nothing(fairlead: Fairlead, home: Home) -> None:
    """Taking down what never ran is no error."""
    said = fairlead("down")
    assert (said.returncode, said.stdout) == (0, "The platform was not running.\n")
    assert home.root.exists()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("up",), "fairlead up -f FILE_OR_FOLDER"),
        (("up", "-f", "/nowhere"), "/nowhere"),
        (("apply", "-f", "/nowhere"), "/nowhere"),
        (("delete", "demo"), "no model 'demo'"),
        (("chat",), "fairlead up -f"),
        (("usage",), "fairlead up -f"),
        (("token", "--tenant", "nobody"), "no tenant 'nobody'"),
        (("token", "--ttl", "soon"), "such as 24h"),
        (("keys", "create", "--tenant", "nobody"), "no tenant 'nobody'"),
        (("keys", "revoke", "0"), "fairlead keys list"),
        (("keys", "create", "--tokens-per-day", "0"), "limits.tokens_per_day: is 0; write a number of at least 1"),
        (("logs", "nothing"), "gateway"),
    ],
)
def test_errors_are_one_line(fairlead: Fairlead, home: Home, arguments: tuple[str, ...], words: str) -> None:
    """A mistake is told in one line on stderr that says what to do; the exit code is 1, and nothing starts."""
    said = fairlead(*arguments)
    assert said.returncode == 1
    assert said.stderr.startswith("error: ")
    assert words in said.stderr
    assert len(said.stderr.splitlines()) == 1
    assert not home.platform.exists()


def test_manifest_mistakes_have_a_line_each(fairlead: Fairlead, home: Home, tmp_path: Path) -> None:
    """Each mistake in a manifest has a line of its own."""
    manifest = tmp_path / "wrong.yaml"
    manifest.write_text(
        "apiVersion: fairlead.dev/v1alpha1\nkind: ModelDeployment\nmetadata: {name: a}\n"
        "spec:\n  model: {source: 'hf:/x', nme: b}\n  parallelism: {tensor: 0}\n"
    )
    said = fairlead("up", "-f", str(manifest))
    assert said.returncode == 1
    assert len(said.stderr.splitlines()) == 3
    assert all(line.startswith(f"error: {manifest}: spec.") for line in said.stderr.splitlines())
    assert list(home.models.iterdir()) == []


def test_cluster_sources_are_refused_before_anything_starts(fairlead: Fairlead, home: Home, tmp_path: Path) -> None:
    """A source that needs a cluster is refused by `up` at once."""
    manifest = tmp_path / "claim.yaml"
    manifest.write_text(
        "apiVersion: fairlead.dev/v1alpha1\nkind: ModelDeployment\nmetadata: {name: a}\n"
        "spec: {model: {source: 'pvc://claim/model'}}\n"
    )
    said = fairlead("up", "-f", str(manifest))
    assert (said.returncode, "needs a cluster" in said.stderr) == (1, True)
    assert list(home.models.iterdir()) == []


def test_usage_errors(fairlead: Fairlead, home: Home) -> None:
    """A wrong option exits with 2, as is the custom."""
    assert fairlead("token", "--nonsense").returncode == 2
    assert home.root.exists()


def test_version() -> None:
    """`fairlead --version`, as installed, prints it."""
    program = Path(sys.executable).with_name("fairlead")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert re.fullmatch(r"fairlead \d+\.\d+\.\d+\n", said.stdout)


@pytest.mark.parametrize(
    "command", ["up", "down", "apply", "delete", "status", "token", "keys", "usage", "chat", "logs"]
)
def test_help(fairlead: Fairlead, command: str) -> None:
    """Every command explains itself."""
    said = fairlead(command, "--help")
    assert said.returncode == 0
    assert len(said.stdout.splitlines()) > 5
