"""A real S3 server on this machine, with buckets, users and rights."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import boto3
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

OWNER = {"aws_access_key_id": "owner", "aws_secret_access_key": "owners-secret"}
REGION = "us-east-1"


@dataclass(frozen=True)
class Store:
    """One server."""

    url: str

    @property
    def client(self) -> "S3Client":
        return boto3.client("s3", endpoint_url=self.url, region_name=REGION, **OWNER)

    def put(self, bucket: str, files: Mapping[str, bytes]) -> None:
        """Make a bucket with these objects."""
        self.client.create_bucket(Bucket=bucket)
        for key, content in files.items():
            self.client.put_object(Bucket=bucket, Key=key, Body=content)

    def user(self, name: str, *actions: str) -> dict[str, str]:
        """Make a user who may do some things, and return the environment of that user's programs."""
        iam = boto3.client("iam", endpoint_url=self.url, region_name=REGION, **OWNER)
        iam.create_user(UserName=name)
        if actions:
            policy = {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}],
            }
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
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
        body = str(times).encode()
        urlopen(Request(f"{self.url}/moto-api/reset-auth", data=body, method="POST")).close()


@contextmanager
def store() -> Iterator[Store]:
    """Run a server on a free port of the loopback interface."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield Store(f"http://{host}:{port}")
    finally:
        server.stop()
