"""Rules that the API server checks itself, in its expression language (CEL).

Each is written beside the validator that says the same on one machine: on the class, or on the field. The API server
refuses a rule whose worst case could cost too much, so every text and list that a rule reads has a length.
"""

from pydantic.config import JsonDict

VALIDATIONS = "x-kubernetes-validations"


def rule(expression: str, message: str, *, at: str = "") -> JsonDict:
    """Return one rule.

    Args:
        expression: True for what is right; `self` is the value that the rule stands on.
        message: What is wrong; what to write instead.
        at: Path of the culprit below the value, such as `minReplicas`.
    """
    return {"rule": expression, "message": message, **({"fieldPath": f".{at}"} if at else {})}


def rules(*each: JsonDict) -> JsonDict:
    """Return what a class or a field adds to its schema."""
    return {VALIDATIONS: list(each)}


def unchanging(what: str) -> JsonDict:
    """Return the rule of a field that keeps its first value.

    Args:
        what: The field, in words.
    """
    return rule("self == oldSelf", f"{what} cannot be changed; create another ModelDeployment with it")
