"""A real S3 server on this machine, with buckets, users and rights."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import boto3
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

REGION = "us-east-1"


@dataclass(frozen=True)
class Store:
    """One server."""

    url: str
    client: "S3Client"

    def put(self, bucket: str, files: Mapping[str, bytes]) -> None:
        """Make a bucket with these objects."""
        self.client.create_bucket(Bucket=bucket)
        for key, content in files.items():
            self.client.put_object(Bucket=bucket, Key=key, Body=content)

    def user(self, name: str, *actions: str) -> dict[str, str]:
        """Make a user who may do some things, and return the environment of that user's programs."""
        allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        with closing(_session().client("iam", endpoint_url=self.url)) as iam:
            iam.create_user(UserName=name)
            if actions:
                iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
            key = iam.create_access_key(UserName=name)["AccessKey"]
        return self.environment(key["AccessKeyId"], key["SecretAccessKey"])

    def environment(self, key: str = "any", secret: str = "any", url: str | None = None) -> dict[str, str]:
        """Return the environment of programs that use the server."""
        return {
            "AWS_ENDPOINT_URL": url or self.url,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Let in only known users, with the rights that they have."""
        self._let_in_freely(0)
        try:
            yield
        finally:
            self._let_in_freely(10**9)

    def reset(self) -> None:
        """Forget all buckets and users."""
        urlopen(Request(f"{self.url}/moto-api/reset", method="POST")).close()

    def _let_in_freely(self, times: int) -> None:
        asked = Request(f"{self.url}/moto-api/reset-auth", str(times).encode(), {"Content-Type": "text/plain"})
        urlopen(asked).close()


def _session() -> boto3.session.Session:
    return boto3.session.Session("owner", "owners-secret", region_name=REGION)


@contextmanager
def store() -> Iterator[Store]:
    """Run a server on a free port of the loopback interface."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    try:
        with closing(_session().client("s3", endpoint_url=url)) as client:
            yield Store(url, client)
    finally:
        server.stop()
