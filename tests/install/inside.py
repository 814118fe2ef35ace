"""Runs in a pod: asks the gateway as clients within the cluster do, and prints as JSON what came.

The first line of standard input says what to do, as JSON: `url`, `token`, `path`, `body`, and either how often to ask
(`times`) or how many ask at a time (`parallel`), which goes on until standard input ends.
"""

import json
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

import httpx2

ENOUGH_S = 180


def main() -> None:
    """Do what the first line says."""
    order = json.loads(sys.stdin.readline())
    headers = {"authorization": f"Bearer {order['token']}"} if order["token"] else {}
    with httpx2.Client(base_url=order["url"], headers=headers, timeout=ENOUGH_S) as client:
        said = load(client, order) if order.get("parallel") else [ask(client, order) for _ in range(order["times"])]
    sys.stdout.write(json.dumps(said))


def ask(client: httpx2.Client, order: Mapping[str, Any]) -> dict[str, Any]:
    """Send one request; a stream is read event by event."""
    body = order.get("body")
    if not (body or {}).get("stream"):
        answer = client.request("POST" if body else "GET", order["path"], json=body)
        return {"status": answer.status_code, "headers": dict(answer.headers), "text": answer.text}
    events: list[str] = []
    came_s: list[float] = []
    start = time.monotonic()
    with client.stream("POST", order["path"], json=body) as answer:
        if not answer.is_success:
            return {"status": answer.status_code, "events": [], "text": answer.read().decode()}
        for line in answer.iter_lines():
            if line.startswith("data:"):
                events.append(line.removeprefix("data:").strip())
                came_s.append(time.monotonic() - start)
    return {"status": answer.status_code, "events": events, "came_s": came_s, "text": ""}


def load(client: httpx2.Client, order: Mapping[str, Any]) -> dict[str, Any]:
    """Let many ask, each again and again, until standard input ends."""
    stop = threading.Event()
    answered: list[int] = []
    failures: list[str] = []

    def go_on() -> None:
        while not stop.is_set():
            try:
                came = ask(client, order)
                whole = came["events"][-1:] == ["[DONE]"] and not any('"error"' in event for event in came["events"])
                failure = None if whole else f"{came['status']}: {came['text']} {came['events'][-2:]}"
            except httpx2.HTTPError as error:
                failure = repr(error)
            if failure is None:
                answered.append(1)
            else:
                failures.append(f"{time.strftime('%H:%M:%S')} {failure}")
                stop.wait(0.2)

    threads = [threading.Thread(target=go_on) for _ in range(order["parallel"])]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    return {"answered": len(answered), "failures": failures}


if __name__ == "__main__":
    main()
