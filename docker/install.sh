#!/bin/sh
# Runs in the build stage of each image: fills /opt/fairlead, a virtual environment with what a requirements file pins
# and with members of this repository, installed as wheels. Bytecode is written here, since no container may write it.
#
#   UV_VERSION=... install.sh REQUIREMENTS_FILE MEMBER_FOLDER...
#
# A network that is closed hands in what it needs as build secrets, of which nothing stays in an image:
# `ca`, a bundle of certificates to trust, and `pip` and `uv`, a pip.conf and a uv.toml that name its package index.
set -eu
requirements=$1
shift

[ ! -f /run/secrets/ca ] || export SSL_CERT_FILE=/run/secrets/ca PIP_CERT=/run/secrets/ca
[ ! -f /run/secrets/uv ] || export UV_CONFIG_FILE=/run/secrets/uv
[ ! -f /run/secrets/pip ] || export PIP_CONFIG_FILE=/run/secrets/pip
export UV_SYSTEM_CERTS=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
unset PYTHONDONTWRITEBYTECODE

python3.11 -m venv /tmp/uv
/tmp/uv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check "uv==$UV_VERSION"
uv=/tmp/uv/bin/uv

grep -v '^-e' "$requirements" >/tmp/pins.txt
grep -v '^-e' requirements/cpu.txt >/tmp/build-pins.txt # what builds the members is pinned there

$uv venv --quiet --python /usr/bin/python3.11 /opt/fairlead
$uv pip install --python /opt/fairlead/bin/python --compile-bytecode -r /tmp/pins.txt
$uv pip install --python /opt/fairlead/bin/python --compile-bytecode --no-deps --build-constraints /tmp/build-pins.txt "$@"
