# Fairlead's replica on NVIDIA GPUs: Ray, vLLM, and the door around them.
#
#   base    Debian with its Python 3.11, what the engine takes from the system, and the user of the pods
#   build   adds uv, which fills /opt/fairlead from requirements/gpu.txt and this repository (docker/install.sh)
#   the last one is base and /opt/fairlead
#
# CUDA comes from Python packages, the driver from the node. gcc and the headers stay, as in every image of vLLM: Triton
# compiles the launcher of each kernel when it is first used, and without a compiler no model starts.
# KubeRay starts containers by `bash -c` and probes workers by wget. A login shell sets PATH anew, so it is told where Ray
# lies too. Uid 1000 is that of Ray's own images. No init: with KubeRay's command, bash reaps what is orphaned.
# Pins come from docker/bake.hcl; `make images` hands them in.

ARG BASE_IMAGE
ARG BASE_DIGEST=""

FROM ${BASE_IMAGE}${BASE_DIGEST:+@${BASE_DIGEST}} AS base
RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends ca-certificates gcc libc6-dev libpython3.11-dev python3.11 wget \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf/*-old /var/log/* \
    && useradd --uid 1000 --create-home --shell /bin/bash ray \
    && echo 'PATH=/opt/fairlead/bin:$PATH' >/etc/profile.d/fairlead.sh

FROM base AS build
ARG UV_VERSION
RUN apt-get update -q && apt-get install -q -y --no-install-recommends python3.11-venv
WORKDIR /source
COPY requirements requirements
COPY docker/install.sh docker/
COPY services/contract services/contract
COPY services/serving services/serving
RUN --mount=type=secret,id=ca --mount=type=secret,id=pip --mount=type=secret,id=uv \
    --mount=type=cache,id=uv,target=/root/.cache/uv \
    docker/install.sh requirements/gpu.txt ./services/contract ./services/serving

FROM base
ARG BASE_IMAGE
ARG BASE_DIGEST=""
ARG VERSION
ARG REVISION=""
LABEL org.opencontainers.image.title="fairlead-serving" \
      org.opencontainers.image.description="Fairlead's replica for NVIDIA GPUs: Ray Serve and vLLM." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      org.opencontainers.image.base.digest="${BASE_DIGEST}"
COPY --from=build /opt/fairlead /opt/fairlead
ENV PATH=/opt/fairlead/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/home/ray \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000:1000
WORKDIR /home/ray
ENTRYPOINT ["/bin/bash", "-c", "--"]
CMD ["ray --version"]
