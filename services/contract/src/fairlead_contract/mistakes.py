"""Turns pydantic's findings into one line per mistake: the path, what is wrong, what to write instead."""

import difflib
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from fairlead_contract.errors import Mistake

_MISTAKE = "mistake"
_SHOWN_LENGTH = 60


def mistake(problem: str, remedy: str, *, at: str = "") -> PydanticCustomError:
    """Return the error that a validator raises for a mistake of its own.

    Args:
        problem: What is wrong, without the path.
        remedy: What to write instead.
        at: Path below the validated object, such as `minReplicas`.
    """
    return several([Mistake(at, problem, remedy)])


def several(mistakes: list[Mistake]) -> PydanticCustomError:
    """Return the error that a validator raises for mistakes whose paths lie below the validated object."""
    return PydanticCustomError(_MISTAKE, "{mistakes}", {"mistakes": mistakes})


def mistakes_of(error: ValidationError, model: type[BaseModel]) -> list[Mistake]:
    """Return one mistake per finding, in the order of the document."""
    return [found for details in error.errors(include_url=False) for found in _mistakes_of(details, model)]


def _mistakes_of(details: ErrorDetails, model: type[BaseModel]) -> list[Mistake]:
    path = _path(details["loc"])
    if details["type"] == _MISTAKE:
        own: list[Mistake] = details["ctx"]["mistakes"]
        return [Mistake(_joined(path, each.path) or "the document", each.problem, each.remedy) for each in own]
    return [_mistake_of(details, path, model)]


def _mistake_of(details: ErrorDetails, path: str, model: type[BaseModel]) -> Mistake:
    context = details.get("ctx", {})
    if details["type"] == "extra_forbidden":
        return _unknown_field(details["loc"], path, model)
    explain = _EXPLANATIONS.get(details["type"])
    if explain:
        problem, remedy = explain(context, _shown(details["input"]))
        return Mistake(path or "the document", problem, remedy)
    return Mistake(path or "the document", f"is {_shown(details['input'])}", f"correct it: {details['msg'].lower()}")


def _joined(path: str, below: str) -> str:
    return ".".join(part for part in (path, below) if part)


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}…"


def _unknown_field(location: tuple[int | str, ...], path: str, model: type[BaseModel]) -> Mistake:
    known = sorted(_field_names(model, location[:-1]))
    near = difflib.get_close_matches(str(location[-1]), known, n=1)
    remedy = f"write {near[0]!r}" if near else f"remove it, or write one of: {', '.join(known)}"
    return Mistake(path, "is not a known field", remedy)


def _field_names(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the fields of the object that lies at a location inside a document of a model."""
    for part in location:
        if isinstance(part, int):
            continue
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if part not in fields:
            continue  # a key of a mapping: the mapping's values were entered with the field before
        nested = _nested_model(fields[str(part)].annotation)
        if nested is None:
            return []
        model = nested
    return [field.alias or name for name, field in model.model_fields.items()]


def _nested_model(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - annotations have no narrower type
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, UnionType, tuple, list, dict):
        return next((found for part in get_args(annotation) if (found := _nested_model(part))), None)
    return None


_Explanation = Callable[[Mapping[str, Any], str], tuple[str, str]]


def _type_explanation(expected: str) -> _Explanation:
    return lambda _, shown: (f"is {shown}", f"write {expected}")


_EXPLANATIONS: dict[str, _Explanation] = {
    "missing": lambda _, __: ("is missing", "add it"),
    "int_type": _type_explanation("a whole number, without quotes"),
    "int_from_float": _type_explanation("a whole number"),
    "int_parsing": _type_explanation("a whole number, without quotes"),
    "float_type": _type_explanation("a number, without quotes"),
    "string_type": _type_explanation("text (in quotes, if it looks like a number or a truth value)"),
    "bool_type": _type_explanation("true or false, without quotes"),
    "tuple_type": _type_explanation("a list"),
    "list_type": _type_explanation("a list"),
    "dict_type": _type_explanation("a mapping of names to values"),
    "model_type": _type_explanation("a mapping of fields to values"),
    "model_attributes_type": _type_explanation("a mapping of fields to values"),
    "literal_error": lambda context, shown: (f"is {shown}", f"write one of: {context['expected']}"),
    "greater_than_equal": lambda context, shown: (
        f"is {shown}",
        f"write a number of at least {context['ge']}",
    ),
    "less_than_equal": lambda context, shown: (f"is {shown}", f"write a number of at most {context['le']}"),
    "too_long": lambda context, _: (
        f"has {context['actual_length']} entries",
        f"keep at most {context['max_length']}",
    ),
    "string_too_long": lambda context, shown: (
        f"is {shown}",
        f"write at most {context['max_length']} characters",
    ),
    "string_too_short": lambda context, shown: (
        f"is {shown}",
        f"write at least {context['min_length']} characters",
    ),
    "string_pattern_mismatch": lambda context, shown: (
        f"is {shown}",
        f"write text of the form {context['pattern']}",
    ),
}
