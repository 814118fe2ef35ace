"""Downloads a model from an S3 bucket, or from whatever store `AWS_ENDPOINT_URL` names.

Credentials are found where every AWS program finds them: in the environment, or by the role of the pod. Each object is
fetched in one piece, several at a time; what a connection or a process left unfinished is gone on with.
"""

import errno
import hashlib
import re
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
)

from fairlead_contract.errors import DownloadFailed, DownloadRefused
from fairlead_serving.model_files import DISK_FULL, check_offer, check_room, is_wanted, present_bytes
from fairlead_serving.progress import Progress

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

OBJECTS_AT_A_TIME = 8
CHUNK_BYTES = 1 << 20
ATTEMPTS = 5
"""Of one object without a byte of progress between them."""

_CONFIG = Config(
    connect_timeout=10,
    read_timeout=60,
    retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
    max_pool_connections=OBJECTS_AT_A_TIME,
)
_UNFINISHED_FOLDER = ".fetching"
_MD5 = re.compile(r"[0-9a-f]{32}")

_GIVE_CREDENTIALS = (
    "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY by secretKeyRef in spec.engine.env, or a ServiceAccount whose "
    "role may s3:ListBucket and s3:GetObject"
)
_REFUSALS: Mapping[str, str] = {
    "NoSuchBucket": "there is no such bucket: correct spec.model.source, or AWS_ENDPOINT_URL if it is of another store",
    "AccessDenied": f"the bucket lets these credentials not read: {_GIVE_CREDENTIALS}",
    "AllAccessDisabled": f"the bucket lets nobody read: {_GIVE_CREDENTIALS}",
    "InvalidAccessKeyId": f"the access key is unknown: {_GIVE_CREDENTIALS}",
    "SignatureDoesNotMatch": f"the secret key does not belong to the access key: {_GIVE_CREDENTIALS}",
    "ExpiredToken": f"the session token has expired: {_GIVE_CREDENTIALS}",
    "InvalidToken": f"the session token is not valid: {_GIVE_CREDENTIALS}",
}
_CHANGED = frozenset({"PreconditionFailed", "412", "NoSuchKey"})


@dataclass(frozen=True, slots=True)
class _Object:
    """One file of the model, as the bucket listed it."""

    key: str
    name: str
    """Its path within the model."""

    size: int
    etag: str

    @property
    def piece(self) -> str:
        """The name of its file while it is fetched; another as soon as the object changes."""
        return hashlib.sha256(f"{self.key}\0{self.etag}".encode()).hexdigest()


@dataclass(slots=True)
class _Tally:
    """Adds up what all threads have fetched, and tells them when to stop."""

    total: int
    progress: Progress
    done: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, size: int) -> None:
        with self.lock:
            self.done += size
            self.progress(self.done, self.total)


def download_into(folder: Path, uri: str, location: str, progress: Progress) -> None:
    """Fetch the files of a model below a prefix into a folder, which may hold some of them already.

    Args:
        folder: Where to; nobody else may write there meanwhile.
        uri: The source, for messages.
        location: `bucket/prefix`.
        progress: Told how much has arrived.

    Raises:
        DownloadFailed: naming the cause and what to do about it.
    """
    try:
        # A session of its own, since the library's common one keeps the first credentials that it finds.
        with closing(boto3.session.Session().client("s3", config=_CONFIG)) as client:
            _download_into(client, folder, uri, location, progress)
    except (BotoCoreError, ClientError, OSError) as error:
        raise _explained(uri, error) from None


def _download_into(client: "S3Client", folder: Path, uri: str, location: str, progress: Progress) -> None:
    bucket, _, prefix = location.partition("/")
    objects = [one for one in _listed(client, bucket, prefix.rstrip("/")) if is_wanted(one.name)]
    check_offer(uri, {one.name: one.size for one in objects})
    pieces = folder / _UNFINISHED_FOLDER
    pieces.mkdir(exist_ok=True)
    total = sum(one.size for one in objects)
    check_room(uri, folder, total - sum(present_bytes(pieces / one.piece) for one in objects))
    _fetch_all(_Fetcher(client, bucket, uri, pieces, _Tally(total, progress)), objects)
    for one in objects:
        (folder / one.name).parent.mkdir(parents=True, exist_ok=True)
        (pieces / one.piece).replace(folder / one.name)
    shutil.rmtree(pieces)


def _listed(client: "S3Client", bucket: str, prefix: str) -> Iterator[_Object]:
    start = f"{prefix}/" if prefix else ""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=start):
        for found in page.get("Contents", ()):
            name = found["Key"].removeprefix(start)
            if name and not name.endswith("/") and ".." not in PurePosixPath(name).parts:
                yield _Object(found["Key"], name, found["Size"], found["ETag"].strip('"'))


@dataclass(frozen=True, slots=True)
class _Fetcher:
    """Fetches objects into a folder of unfinished pieces."""

    client: "S3Client"
    bucket: str
    uri: str
    pieces: Path
    tally: _Tally

    def fetch(self, one: _Object) -> None:
        """Fetch one object, from where the last attempt ended."""
        piece = self.pieces / one.piece
        if present_bytes(piece) > one.size:
            piece.unlink()
        self.tally.add(present_bytes(piece))
        failures = 0
        while not self.tally.stop.is_set() and (present_bytes(piece) < one.size or not piece.exists()):
            start = present_bytes(piece)
            try:
                self._fetch_rest(one, piece, start)
            except FlexibleChecksumError:
                raise self._damaged(one, piece) from None
            except (HTTPClientError, IncompleteReadError) as error:
                failures = 1 if present_bytes(piece) > start else failures + 1
                if failures == ATTEMPTS or isinstance(error, ConnectionError):
                    raise
                time.sleep(2**failures / 2)
        if not self.tally.stop.is_set() and self._has_md5(one) and _md5(piece) != one.etag:
            raise self._damaged(one, piece)

    def _fetch_rest(self, one: _Object, piece: Path, start: int) -> None:
        get, etag = self.client.get_object, f'"{one.etag}"'
        if start:
            answer = get(Bucket=self.bucket, Key=one.key, IfMatch=etag, Range=f"bytes={start}-")
        else:  # asked for as a whole, since the store tells the checksum of a whole only
            answer = get(Bucket=self.bucket, Key=one.key, IfMatch=etag)
        with piece.open("ab") as file, closing(answer["Body"]) as body:
            for chunk in body.iter_chunks(CHUNK_BYTES):
                file.write(chunk)
                self.tally.add(len(chunk))
                if self.tally.stop.is_set():
                    return

    def _has_md5(self, one: _Object) -> bool:
        """Return whether the ETag is the MD5 of the content: of uploads in one piece that no key encrypts."""
        if not _MD5.fullmatch(one.etag):
            return False
        head = self.client.head_object(Bucket=self.bucket, Key=one.key, IfMatch=f'"{one.etag}"')
        return head.get("ServerSideEncryption", "AES256") == "AES256" and "SSECustomerAlgorithm" not in head

    def _damaged(self, one: _Object, piece: Path) -> DownloadFailed:
        piece.unlink()
        return DownloadFailed(
            f"{self.uri}: {one.name} has another checksum than the bucket says; it is fetched anew on a retry"
        )


def _fetch_all(fetcher: _Fetcher, objects: list[_Object]) -> None:
    with ThreadPoolExecutor(OBJECTS_AT_A_TIME, thread_name_prefix="fairlead-s3") as pool:
        fetching = [pool.submit(fetcher.fetch, one) for one in objects]
        try:
            for one in as_completed(fetching):
                one.result()
        except BaseException:
            fetcher.tally.stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def _md5(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _explained(uri: str, error: Exception) -> DownloadFailed:
    match error:
        case NoCredentialsError() | PartialCredentialsError():
            return DownloadRefused(f"{uri}: there are no credentials: {_GIVE_CREDENTIALS}")
        case ClientError():
            return _answered(uri, str(error.response.get("Error", {}).get("Code", "")))
        case ConnectionError():
            return DownloadFailed(f"{uri}: the store cannot be reached: check the network or AWS_ENDPOINT_URL")
        case OSError(errno=errno.ENOSPC):
            return DownloadFailed(f"{uri}: {DISK_FULL}")
        case _:
            # Not what the error says: a library may quote what it sent.
            return DownloadFailed(f"{uri}: the download broke off ({type(error).__name__}); it resumes on a retry")


def _answered(uri: str, code: str) -> DownloadFailed:
    refusal = _REFUSALS.get({"403": "AccessDenied", "404": "NoSuchBucket"}.get(code, code))
    if refusal:
        return DownloadRefused(f"{uri}: {refusal}")
    if code in _CHANGED:
        return DownloadFailed(f"{uri}: the bucket changed while it was read; what changed is fetched anew on a retry")
    return DownloadFailed(f"{uri}: the store answered {code}: try again later")
