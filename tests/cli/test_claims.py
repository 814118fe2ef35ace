"""Who owns a served name."""

import pytest

from fairlead_cli.claims import check_names
from fairlead_contract.errors import ManifestError, NameTaken
from tests.cli.builders import deployment


def test_free_names() -> None:
    """Models with names of their own are let through."""
    check_names([deployment("a"), deployment("b", model={"aliases": ["c"]})])


@pytest.mark.parametrize(
    "names",
    [
        ({"name": "chat"}, {"name": "chat"}),
        ({"aliases": ["chat"]}, {"name": "chat"}),
        ({"name": "chat"}, {"aliases": ["chat"]}),
        ({"aliases": ["chat"]}, {"aliases": ["chat"]}),
        ({"name": "b"}, {}),
    ],
)
def test_name_taken_within_one_folder(names: tuple[dict[str, object], dict[str, object]]) -> None:
    """A served name or alias that two manifests claim is refused with the name of the first of them."""
    with pytest.raises(NameTaken, match="belongs to the ModelDeployment 'a'"):
        check_names([deployment("a", model=names[0]), deployment("b", model=names[1])])


def test_name_taken_by_a_running_model() -> None:
    """A name that a running model has is refused, and the message says whose it is and what to do."""
    running = deployment("old", model={"aliases": ["chat"]})
    with pytest.raises(NameTaken, match="'chat' belongs to the ModelDeployment 'old'; choose another"):
        check_names([deployment("new", model={"name": "chat"})], [running])


def test_every_clash_is_told() -> None:
    """Each clash has a line of its own."""
    with pytest.raises(NameTaken) as caught:
        check_names(
            [deployment("b", model={"name": "x", "aliases": ["y"]})], [deployment("a", model={"aliases": ["x", "y"]})]
        )
    assert len(caught.value.message.splitlines()) == 2


def test_a_model_may_replace_itself() -> None:
    """A new manifest of the same model keeps its names, drops some and takes others."""
    check_names([deployment("a", model={"aliases": ["y"]})], [deployment("a", model={"aliases": ["x"]})])


def test_a_name_passed_on_in_one_go() -> None:
    """A name that its owner gives up in the same manifests is free for another."""
    check_names([deployment("a"), deployment("b", model={"name": "chat"})], [deployment("a", model={"name": "chat"})])


def test_one_name_declared_twice() -> None:
    """Two manifests of one metadata.name are refused."""
    with pytest.raises(ManifestError, match="'a' is declared twice"):
        check_names([deployment("a"), deployment("a", model={"name": "other"})])
