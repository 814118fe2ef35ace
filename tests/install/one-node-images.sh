#!/bin/bash
# Makes what the test of a whole cluster needs on a machine without a registry, as archives that containerd imports:
# our images on a Debian of debootstrap's, Valkey from Debian's package, a serving image with the demo model in it, and,
# from a checkout of its repository, KubeRay's operator. Root only; README.md tells more.
#
#   tests/install/one-node-images.sh FOLDER [base] [small] [valkey] [serving] [kuberay=CHECKOUT]     all but kuberay by default
#
# CA_FILE, PIP_CONFIG_FILE and UV_CONFIG_FILE reach the builds as docker/bake.hcl says; none of it stays in an image.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(realpath -m "$1")
shift
steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=(base small valkey serving)
mkdir -p "$folder"

export STORAGE_DRIVER=${STORAGE_DRIVER:-vfs} # works in containers too, and copies each layer: few are made
export BUILDAH_FLAGS="--isolation chroot --pull-never"
export BASE_IMAGE=localhost/debian:bookworm-slim REGISTRY=localhost TAG=${TAG:-0.1.0} TORCH_BACKEND=${TORCH_BACKEND-}

say() { echo "$(date +%T) $*"; }
from_debootstrap() { # NAME SUITE PACKAGES
  local root container
  root=$(mktemp -d)
  debootstrap --variant=minbase ${3:+--include="$3"} "$2" "$root" >"$folder/debootstrap-$2.log"
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/* "$root"/var/log/*
  mkdir -p "$root/var/cache/apt/archives/partial"
  rm -f "$root"/etc/{resolv.conf,hostname} # debootstrap takes them from this machine
  container=$(buildah from scratch)
  buildah copy -q "$container" "$root" / >/dev/null
  buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd bash "$container"
  [ "$1" != localhost/valkey:test ] || buildah config --user 999 --cmd valkey-server "$container"
  buildah commit -q --rm "$container" "$1" >/dev/null
  rm -rf "$root"
}
archive() { # IMAGE FILE
  rm -f "$folder/$2.tar"
  buildah push -q "$1" "docker-archive:$folder/$2.tar:$1"
  say "$1: $(du -h "$folder/$2.tar" | cut -f1)"
}

for step in "${steps[@]}"; do
  say "$step"
  case $step in
    base) from_debootstrap "$BASE_IMAGE" bookworm "" ;;
    small)
      docker/build.sh build gateway operator
      for name in gateway operator; do archive "localhost/fairlead-$name:$TAG" "$name"; done
      ;;
    valkey) # bookworm has none
      from_debootstrap localhost/valkey:test trixie valkey-server
      archive localhost/valkey:test valkey
      ;;
    serving)
      docker/build.sh build serving-cpu
      buildah build --isolation chroot --pull-never --format docker --file docker/model.Dockerfile \
        --build-arg "SERVING_IMAGE=localhost/fairlead-serving-cpu:$TAG" --build-arg NAME=fairlead-demo \
        --tag "localhost/fairlead-serving-demo:$TAG" docs/examples/demo-model/weights
      archive "localhost/fairlead-serving-demo:$TAG" serving-demo
      ;;
    kuberay=*)
      (cd "${step#kuberay=}/ray-operator" && CGO_ENABLED=0 go build -o "$folder/manager" .)
      container=$(buildah from "$BASE_IMAGE")
      buildah copy -q "$container" "$folder/manager" /manager >/dev/null
      buildah config --user 65532:65532 --entrypoint '["/manager"]' --cmd '' "$container"
      buildah commit -q --rm "$container" quay.io/kuberay/operator:v1.7.0 >/dev/null
      archive quay.io/kuberay/operator:v1.7.0 kuberay
      ;;
    *) echo "no such step: $step" >&2; exit 2 ;;
  esac
done
say "done: $folder"
