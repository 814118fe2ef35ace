# The images and everything they are pinned to. `make images` builds them: with `docker buildx bake` where Docker is,
# else with buildah, for which docker/build.sh reads the variables of this file (keep each on one line).
# Any of them may be given in the environment.

# Where images go: `make images push REGISTRY=registry.example.com/fairlead`.
variable "REGISTRY" { default = "localhost" }
variable "TAG" { default = "0.1.0" }

variable "VERSION" { default = "0.1.0" }
variable "REVISION" { default = "" }

# The release fills the digest (sha256:...), so that its images can be built again from the same base.
variable "BASE_IMAGE" { default = "docker.io/library/debian:bookworm-slim" }
variable "BASE_DIGEST" { default = "" }

variable "UV_VERSION" { default = "0.13.8" }

# Where torch for CPUs comes from: `cpu` is PyTorch's own index, `auto` the usual one, whose build is 4 GB larger.
variable "TORCH_BACKEND" { default = "cpu" }

# Packages of Debian by which the CPU image can compile models, such as g++; none by default.
variable "COMPILER" { default = "" }

# For closed networks, files that builds read and of which nothing stays in an image: certificates to trust, and a
# pip.conf and a uv.toml that name another package index.
variable "CA_FILE" { default = "" }
variable "PIP_CONFIG_FILE" { default = "" }
variable "UV_CONFIG_FILE" { default = "" }

group "default" { targets = ["gateway", "operator", "serving", "serving-cpu"] }

target "_common" {
  args = {
    BASE_IMAGE    = BASE_IMAGE
    BASE_DIGEST   = BASE_DIGEST
    VERSION       = VERSION
    REVISION      = REVISION
    UV_VERSION    = UV_VERSION
    TORCH_BACKEND = TORCH_BACKEND
    COMPILER      = COMPILER
  }
  secret = concat(
    CA_FILE == "" ? [] : ["id=ca,src=${CA_FILE}"],
    PIP_CONFIG_FILE == "" ? [] : ["id=pip,src=${PIP_CONFIG_FILE}"],
    UV_CONFIG_FILE == "" ? [] : ["id=uv,src=${UV_CONFIG_FILE}"],
  )
}

target "gateway" {
  inherits   = ["_common"]
  dockerfile = "docker/gateway.Dockerfile"
  tags       = ["${REGISTRY}/fairlead-gateway:${TAG}"]
}

target "operator" {
  inherits   = ["_common"]
  dockerfile = "docker/operator.Dockerfile"
  tags       = ["${REGISTRY}/fairlead-operator:${TAG}"]
}

target "serving" {
  inherits   = ["_common"]
  dockerfile = "docker/serving.Dockerfile"
  tags       = ["${REGISTRY}/fairlead-serving:${TAG}"]
}

target "serving-cpu" {
  inherits   = ["_common"]
  dockerfile = "docker/serving-cpu.Dockerfile"
  tags       = ["${REGISTRY}/fairlead-serving-cpu:${TAG}"]
}
