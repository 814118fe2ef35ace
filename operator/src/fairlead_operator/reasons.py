"""The stable words by which a status says why. Pure.

docs/troubleshooting.md has a section for each of `Trouble`.
"""

from enum import StrEnum


class Trouble(StrEnum):
    """What is in the way of a model, and a person must change."""

    KUBERAY_MISSING = "KubeRayMissing"
    INVALID_SPEC = "InvalidSpec"
    NAME_TAKEN = "NameTaken"
    NAME_OCCUPIED = "NameOccupied"
    APPLY_REFUSED = "ApplyRefused"
    QUOTA_EXCEEDED = "QuotaExceeded"
    UNSCHEDULABLE = "Unschedulable"
    VOLUME_NOT_BOUND = "VolumeNotBound"
    MOUNT_FAILED = "MountFailed"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    CONFIG_MISSING = "ConfigMissing"
    OUT_OF_MEMORY_AT_LOAD = "OutOfMemoryAtLoad"
    OOM_KILLED = "OOMKilled"
    BAD_ENGINE_ARGUMENT = "BadEngineArgument"
    WEIGHTS_MISSING = "WeightsMissing"
    MODEL_GATED = "ModelGated"
    DOWNLOAD_FAILED = "DownloadFailed"
    ENGINE_START_FAILED = "EngineStartFailed"
    CRASH_LOOP = "CrashLoop"
    NO_READY_REPLICA = "NoReadyReplica"
    NO_GATEWAY = "NoGateway"
    NOT_ROUTED = "NotRouted"
    NOT_ANSWERING = "NotAnswering"


class Course(StrEnum):
    """Where a model stands that nothing is wrong with."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    SCHEDULING = "Scheduling"
    PULLING_IMAGE = "PullingImage"
    STARTING_RAY = "StartingRay"
    DOWNLOADING = "Downloading"
    LOADING = "Loading"
    UPDATING = "Updating"
    NEW_CLUSTER = "NewClusterRollout"
    SERVING = "Serving"
    SERVING_PREVIOUS_SPEC = "ServingPreviousSpec"
    SCALED_TO_ZERO = "ScaledToZero"
    WAKING = "Waking"
    ROUTED = "Routed"
    ROUTES_OLDER_SPEC = "RoutesOlderSpec"
    CACHED = "Cached"
    NOTHING_TO_FETCH = "NothingToFetch"
    NOT_STARTED = "NotStarted"
    SETTLED = "Settled"
    STUCK = "Stuck"
    SUSPENDED = "Suspended"
    NOT_SUSPENDED = "NotSuspended"
    DRAINING = "Draining"
    DELETING = "Deleting"
