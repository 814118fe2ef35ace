# Fairlead's replica on CPUs, for demos and tests: Ray, vLLM's CPU build, and the door around them.
#
#   base    Debian with its Python 3.11, what the engine takes from the system, and the user of the pods
#   build   adds uv, which fills /opt/fairlead from requirements/cpu.txt and this repository (docker/install.sh)
#   the last one is base and /opt/fairlead
#
# libnuma is what vLLM on CPU needs of the system. There is no compiler, so a model must set `enforce-eager: true`, or the
# image be built with COMPILER=g++: what vLLM compiles for CPUs it compiles with that when a model starts.
# KubeRay starts containers by `bash -c` and probes workers by wget. A login shell sets PATH anew, so it is told where Ray
# lies too. Uid 1000 is that of Ray's own images. No init: with KubeRay's command, bash reaps what is orphaned.
# Pins come from docker/bake.hcl; `make images` hands them in.

ARG BASE_IMAGE
ARG BASE_DIGEST=""

FROM ${BASE_IMAGE}${BASE_DIGEST:+@${BASE_DIGEST}} AS base
ARG COMPILER=""
RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends ca-certificates libnuma1 python3.11 wget ${COMPILER} \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf/*-old /var/log/* \
    && useradd --uid 1000 --create-home --shell /bin/bash ray \
    && echo 'PATH=/opt/fairlead/bin:$PATH' >/etc/profile.d/fairlead.sh

FROM base AS build
ARG UV_VERSION
ARG TORCH_BACKEND
RUN apt-get update -q && apt-get install -q -y --no-install-recommends python3.11-venv
WORKDIR /source
COPY requirements requirements
COPY docker/install.sh docker/
COPY services/contract services/contract
COPY services/serving services/serving
RUN --mount=type=secret,id=ca --mount=type=secret,id=pip --mount=type=secret,id=uv \
    --mount=type=cache,id=uv,target=/root/.cache/uv \
    UV_OVERRIDE=requirements/cpu-overrides.txt env ${TORCH_BACKEND:+UV_TORCH_BACKEND=${TORCH_BACKEND}} \
    docker/install.sh requirements/cpu.txt ./services/contract ./services/serving

FROM base
ARG BASE_IMAGE
ARG BASE_DIGEST=""
ARG VERSION
ARG REVISION=""
LABEL org.opencontainers.image.title="fairlead-serving-cpu" \
      org.opencontainers.image.description="Fairlead's replica for CPUs: Ray Serve and vLLM." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      org.opencontainers.image.base.digest="${BASE_DIGEST}"
COPY --from=build /opt/fairlead /opt/fairlead
ENV PATH=/opt/fairlead/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/home/ray \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 1000:1000
WORKDIR /home/ray
ENTRYPOINT ["/bin/bash", "-c", "--"]
CMD ["ray --version"]
