"""Runs in a pod: asks the gateway as clients within the cluster do, and prints as JSON what came.

The first line of standard input says what to do, as JSON: `url`, `token`, `path`, `body`, and how often to ask
(`times`). With `start`, a new folder, `parallel` clients go on asking after this process has ended; with `end` and that
folder they stop, and what came of it is printed. No connection from outside has to last as long as they ask.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

ENOUGH_S = 180
PAUSE_S = 0.2


def main() -> None:
    """Do what the first line says, or go on asking as the folder named in the arguments says."""
    if sys.argv[1:]:
        load(Path(sys.argv[1]))
        return
    order = json.loads(sys.stdin.readline())
    if "start" in order:
        said = start(Path(order["start"]), order)
    elif "end" in order:
        said = end(Path(order["end"]))
    else:
        with connected(order) as client:
            said = [ask(client, order) for _ in range(order["times"])]
    sys.stdout.write(json.dumps(said))


def connected(order: Mapping[str, Any]) -> httpx2.Client:
    """Return a client that sends the order's token."""
    headers = {"authorization": f"Bearer {order['token']}"} if order["token"] else {}
    return httpx2.Client(base_url=order["url"], headers=headers, timeout=ENOUGH_S)


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


def start(folder: Path, order: Mapping[str, Any]) -> list[Any]:
    """Begin to ask in a process that outlives this one."""
    folder.mkdir()
    (folder / "order").write_text(json.dumps(order))
    silent = subprocess.DEVNULL
    command = [sys.executable, __file__, str(folder)]
    subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent, start_new_session=True)
    return []


def end(folder: Path) -> list[Any]:
    """End the asking, and return what came of it."""
    (folder / "stop").touch()
    while not (folder / "said").exists():
        time.sleep(PAUSE_S)
    return [json.loads((folder / "said").read_text())]


def load(folder: Path) -> None:
    """Let many ask, each again and again, until they are to stop."""
    order = json.loads((folder / "order").read_text())
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
                stop.wait(PAUSE_S)

    with connected(order) as client:
        threads = [threading.Thread(target=go_on) for _ in range(order["parallel"])]
        for thread in threads:
            thread.start()
        while not (folder / "stop").exists():
            time.sleep(PAUSE_S)
        stop.set()
        for thread in threads:
            thread.join()
    draft = folder / "said.new"
    draft.write_text(json.dumps({"answered": len(answered), "failures": failures}))
    draft.rename(folder / "said")


if __name__ == "__main__":
    main()
