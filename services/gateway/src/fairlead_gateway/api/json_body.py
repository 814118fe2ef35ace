"""Bodies of requests to the API's own routes: JSON of a known form, and one mistake told at a time."""

from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from fairlead_contract.errors import InvalidJson, InvalidValue, UnknownField
from fairlead_contract.mistakes import mistakes_of

Form = TypeVar("Form", bound=BaseModel)


async def read_body(request: Request, form: type[Form]) -> Form:
    """Return what a request's body says; an empty body says nothing, as `{}` does.

    Raises:
        InvalidJson: It is no JSON.
        UnknownField: It holds a field that there is not.
        InvalidValue: A field is missing, or its value cannot be.
    """
    try:
        return form.model_validate_json(await request.body() or b"{}")
    except ValidationError as error:
        kind = error.errors(include_url=False, include_input=False)[0]["type"]
        if kind == "json_invalid":
            raise InvalidJson("The body is not JSON. Send a JSON object.") from None
        mistake = mistakes_of(error, form)[0]
        refusal = UnknownField if kind == "extra_forbidden" else InvalidValue
        raise refusal(f"{mistake}.", param=mistake.path) from None
