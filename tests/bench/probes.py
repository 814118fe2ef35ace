"""Whether a server answers."""

import urllib.error
import urllib.request

TIMEOUT_S = 2.0


def answers(port: int, path: str) -> bool:
    """Return whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=TIMEOUT_S) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
