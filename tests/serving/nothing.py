"""A Serve application that does nothing, for tests that are about Ray."""

from ray import serve


@serve.deployment
class Nothing:
    """Answers at once."""

    def __call__(self) -> str:
        return "nothing"


application = Nothing.bind()
