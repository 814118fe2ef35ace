"""Where a model's weights lie, as one URI."""

import re
from dataclasses import dataclass
from typing import Literal, cast

from pydantic.config import JsonDict

from fairlead_contract.cel import rule, rules
from fairlead_contract.mistakes import mistake

Scheme = Literal["hf", "file", "pvc", "s3", "oci"]
LOCAL_SCHEMES: tuple[Scheme, ...] = ("hf", "file", "s3")
"""Schemes that work on one machine; the others are mounted into a pod."""

FETCHED_SCHEMES: tuple[Scheme, ...] = ("hf", "s3")
"""Schemes whose weights are downloaded; the others lie where they are read."""

_URI = re.compile(r"^(?P<scheme>[a-z0-9]+)://(?P<rest>.+)$", re.DOTALL)
# The API server checks the same forms, with RE2: nothing but what both dialects read alike.
_FORMS: dict[Scheme, tuple[re.Pattern[str], str]] = {
    "hf": (
        re.compile(r"^(?P<location>[\w][\w.-]*/[\w][\w.-]*)(@(?P<revision>[\w][\w./-]*))?$", re.ASCII),
        "write hf://organisation/name or hf://organisation/name@revision",
    ),
    "file": (
        re.compile(r"^(?P<location>(/|\./|\.\./)[^\x00@]*)(?P<revision>$)"),
        "write file:///folder or file://./folder",
    ),
    "pvc": (
        re.compile(r"^(?P<location>[a-z0-9]([a-z0-9.-]*[a-z0-9])?(/\.?[^\x00@/.][^\x00@/]*)*/?)(?P<revision>$)"),
        "write pvc://claim/folder",
    ),
    "s3": (
        re.compile(r"^(?P<location>[a-z0-9][a-z0-9.-]+(/[^\x00]*)?)(?P<revision>$)"),
        "write s3://bucket/prefix",
    ),
    "oci": (
        re.compile(r"^(?P<location>[a-z0-9][\w.:/-]*?)(@(?P<revision>sha256:[0-9a-f]{64}))?$", re.ASCII),
        "write oci://registry/image@sha256:digest or oci://registry/image:tag",
    ),
}
_SCHEME_REMEDY = f"start it with one of: {', '.join(f'{scheme}://' for scheme in _FORMS)}"


@dataclass(frozen=True, slots=True)
class Source:
    """One parsed source."""

    scheme: Scheme
    location: str
    """What follows the scheme, without a revision: a repository, a folder, a claim, a bucket, an image."""

    revision: str | None
    """Branch, tag or commit for hf, digest for oci, else None."""

    @property
    def needs_cluster(self) -> bool:
        """Whether one machine alone cannot offer it."""
        return self.scheme not in LOCAL_SCHEMES

    @property
    def is_fetched(self) -> bool:
        """Whether its weights are downloaded before they are read."""
        return self.scheme in FETCHED_SCHEMES


def parse_source(uri: str) -> Source:
    """Read a source.

    Raises:
        pydantic_core.PydanticCustomError: A mistake, for pydantic to collect.
    """
    match = _URI.match(uri)
    if not match or match["scheme"] not in _FORMS:
        raise mistake(f"is {uri!r}", _SCHEME_REMEDY)
    scheme = cast("Scheme", match["scheme"])
    pattern, remedy = _FORMS[scheme]
    form = pattern.fullmatch(match["rest"])
    if not form:
        raise mistake(f"is {uri!r}", remedy)
    return Source(scheme, form["location"], form["revision"] or None)


def source_rules() -> JsonDict:
    """Return the rules by which the API server refuses what `parse_source` refuses."""
    return rules(
        rule(f"self.matches(r'^({'|'.join(_FORMS)})://')", f"is of no known kind; {_SCHEME_REMEDY}"),
        *(_form_rule(scheme, pattern, remedy) for scheme, (pattern, remedy) in _FORMS.items()),
    )


def _form_rule(scheme: Scheme, pattern: re.Pattern[str], remedy: str) -> JsonDict:
    start = f"{scheme}://"
    return rule(
        f"!self.startsWith('{start}') || self.substring({len(start)}).matches(r'{pattern.pattern}')",
        f"is no {start} source; {remedy}",
    )
