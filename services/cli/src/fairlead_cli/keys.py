"""API keys of local mode: kept as keyed hashes in one file, which the gateway watches."""

from fairlead_cli.credentials import create_credentials
from fairlead_cli.home import Home
from fairlead_contract.key_register import KeyRegister
from fairlead_contract.key_store import KeysInFile


def key_store(home: Home) -> KeysInFile:
    """Return where the keys lie."""
    return KeysInFile(home.api_keys)


def key_register(home: Home) -> KeyRegister:
    """Return what changes the keys; the pepper of their hashes is made first where it is missing."""
    create_credentials(home)
    return KeyRegister(key_store(home), home.pepper.read_bytes().strip())
