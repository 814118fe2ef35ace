#!/bin/bash
# Builds or pushes images, with Docker where it is, else with buildah, which needs no daemon and no privileges.
#
#   docker/build.sh build|push [IMAGE...]     images are gateway, operator, serving and serving-cpu; all if none is named
#
# Everything that differs from one place to another is a variable of docker/bake.hcl, given in the environment.
# BUILDAH_FLAGS go to `buildah build`; in a container, for example, `--isolation chroot`.
set -euo pipefail
cd "$(dirname "$0")/.."
verb=$1
shift
images=("$@")
[ ${#images[@]} -gt 0 ] || images=(gateway operator serving serving-cpu)
export REVISION=${REVISION-$(git rev-parse HEAD 2>/dev/null || true)}

if docker buildx version >/dev/null 2>&1; then
  if [ "$verb" = push ]; then how=--push; else how=--load; fi
  exec docker buildx bake --file docker/bake.hcl "$how" "${images[@]}"
fi
command -v buildah >/dev/null || { echo "Images are built by Docker (with buildx) or by buildah: install one of them" >&2; exit 1; }

arguments=()
while read -r name default; do
  value=${!name-$default}
  case $name in
    REGISTRY | TAG) printf -v "$name" %s "$value" ;;
    CA_FILE) [ -z "$value" ] || arguments+=(--secret "id=ca,src=$value") ;;
    PIP_CONFIG_FILE) [ -z "$value" ] || arguments+=(--secret "id=pip,src=$value") ;;
    UV_CONFIG_FILE) [ -z "$value" ] || arguments+=(--secret "id=uv,src=$value") ;;
    *) arguments+=(--build-arg "$name=$value") ;;
  esac
done < <(sed -nE 's/^variable "([A-Z_]+)" \{ default = "(.*)" \}$/\1 \2/p' docker/bake.hcl)

for image in "${images[@]}"; do
  name=$REGISTRY/fairlead-$image:$TAG
  if [ "$verb" = push ]; then
    buildah push "$name"
  else
    # shellcheck disable=SC2086 # flags are words
    buildah build ${BUILDAH_FLAGS:-} --format docker --ignorefile .dockerignore --file "docker/$image.Dockerfile" \
      --tag "$name" "${arguments[@]}" .
  fi
done
