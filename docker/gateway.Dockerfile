# Fairlead's gateway: the one door before all models.
#
#   base    Debian with its Python 3.11, certificate authorities, and the user that the service runs as
#   build   adds uv, which fills /opt/fairlead from requirements/gateway.txt and this repository (docker/install.sh)
#   the last one is base and /opt/fairlead: no pip, no uv, no compiler, no torch, no Ray
#
# One process, started directly: it ends by itself on SIGTERM and has no children, so there is no init before it. It
# writes nothing to its root. Pins come from docker/bake.hcl; `make images` hands them in.

ARG BASE_IMAGE
ARG BASE_DIGEST=""

FROM ${BASE_IMAGE}${BASE_DIGEST:+@${BASE_DIGEST}} AS base
RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends ca-certificates python3.11 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf/*-old /var/log/* \
    && useradd --uid 65532 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin fairlead

FROM base AS build
ARG UV_VERSION
RUN apt-get update -q && apt-get install -q -y --no-install-recommends python3.11-venv
WORKDIR /source
COPY requirements requirements
COPY docker/install.sh docker/
COPY services/contract services/contract
COPY services/gateway services/gateway
RUN --mount=type=secret,id=ca --mount=type=secret,id=pip --mount=type=secret,id=uv \
    docker/install.sh requirements/gateway.txt ./services/contract ./services/gateway

FROM base
ARG BASE_IMAGE
ARG BASE_DIGEST=""
ARG VERSION
ARG REVISION=""
LABEL org.opencontainers.image.title="fairlead-gateway" \
      org.opencontainers.image.description="Fairlead's gateway: one authenticated, limited and cached API in front of every model." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      org.opencontainers.image.base.digest="${BASE_DIGEST}"
COPY --from=build /opt/fairlead /opt/fairlead
ENV PATH=/opt/fairlead/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
EXPOSE 8080 9464
ENTRYPOINT ["fairlead-gateway"]
