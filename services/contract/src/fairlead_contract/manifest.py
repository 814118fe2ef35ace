"""Reads manifests: YAML text or files into ModelDeployments, or one line per mistake."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from fairlead_contract.errors import ManifestError, Mistake
from fairlead_contract.mistakes import mistakes_of
from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.names import identity_of
from fairlead_contract.yaml_documents import Json, read_documents, to_json

_SUFFIXES = (".yaml", ".yml", ".json")
_FILE_SCHEME = "file://"


def parse_manifest(document: Json, *, where: str) -> ModelDeployment:
    """Read one document, as YAML or the API server gives it.

    Raises:
        ManifestError: One line per mistake.
    """
    try:
        return ModelDeployment.model_validate_json(to_json(document))
    except ValidationError as error:
        raise ManifestError(where, mistakes_of(error, ModelDeployment)) from None


def parse_object(document: Mapping[str, Json]) -> ModelDeployment:
    """Read an object as the API server holds it: with a status, which no manifest has.

    Raises:
        ManifestError: One line per mistake.
    """
    metadata = document["metadata"]
    where = identity_of(metadata["name"], metadata.get("namespace"))
    return parse_manifest({name: value for name, value in document.items() if name != "status"}, where=where)


def parse_manifests(text: str, *, where: str, base_folder: Path | None = None) -> list[ModelDeployment]:
    """Read all documents of a YAML text.

    Args:
        text: One or more YAML documents.
        where: What to call the text in errors, such as its file name.
        base_folder: Folder against which relative `file://./` sources are resolved.

    Raises:
        ManifestError: One line per mistake, over all documents.
    """
    documents = read_documents(text, where=where)
    if not documents:
        raise ManifestError(where, [Mistake("the file", "holds no manifest", "write a ModelDeployment into it")])
    deployments, mistakes = [], []
    for document in documents:
        try:
            deployments.append(_resolved(parse_manifest(document, where=where), base_folder))
        except ManifestError as error:
            mistakes += error.mistakes
    if mistakes:
        raise ManifestError(where, mistakes)
    return deployments


def load_path(path: Path) -> list[ModelDeployment]:
    """Read a manifest file, or every manifest file right inside a folder, in the order of their names.

    Raises:
        ManifestError: One line per mistake, over all files.
    """
    deployments: list[ModelDeployment] = []
    errors: list[ManifestError] = []
    for file in _files_of(path):
        try:
            deployments += parse_manifests(file.read_text(), where=str(file), base_folder=file.parent.absolute())
        except ManifestError as error:
            errors.append(error)
        except UnicodeDecodeError:
            errors.append(ManifestError(str(file), [Mistake("the file", "is not text", "save it as UTF-8")]))
    if errors:
        raise _joined(errors)
    return deployments


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES and file.is_file())
        if files:
            return files
        raise ManifestError(str(path), [Mistake("the folder", "holds no manifest", "add a .yaml file")])
    if not path.is_file():
        raise ManifestError(str(path), [Mistake("the file", "does not exist", "check the path")])
    return [path]


def _joined(errors: list[ManifestError]) -> ManifestError:
    if len(errors) == 1:
        return errors[0]
    mistakes = [
        Mistake(f"{error.where}: {mistake.path}", mistake.problem, mistake.remedy)
        for error in errors
        for mistake in error.mistakes
    ]
    return ManifestError(f"{len(errors)} files", mistakes)


def _resolved(deployment: ModelDeployment, base_folder: Path | None) -> ModelDeployment:
    """Return a deployment whose file source is absolute."""
    source = deployment.source
    if base_folder is None or source.scheme != "file" or source.location.startswith("/"):
        return deployment
    absolute = f"{_FILE_SCHEME}{(base_folder / source.location).resolve()}"
    model = deployment.spec.model.model_copy(update={"source": absolute})
    return deployment.model_copy(update={"spec": deployment.spec.model_copy(update={"model": model})})
