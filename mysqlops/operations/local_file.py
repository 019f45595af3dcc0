"""Write a file on this machine whole or not at all, for its owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from mysqlops import errors


def check(path: Path, *, overwrite: bool) -> None:
    """Refuse before the work begins; raises Refused, ConfigError."""
    if not path.parent.is_dir():
        raise errors.ConfigError(f"{path}: folder {path.parent} does not exist")
    if path.is_dir():
        raise errors.ConfigError(f"{path} is a folder")
    if not overwrite and os.path.lexists(path):
        raise _exists(path)


def write(path: Path, content: bytes, *, overwrite: bool) -> None:
    """Under its own name only once it is complete; in the place of another only with `overwrite`. Raises Refused,
    ConfigError."""
    half = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            half.replace(path)
        else:
            os.link(half, path)  # unlike a rename, never in the place of another file
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise errors.ConfigError(f"{path}: {error.strerror}") from error
    finally:
        half.unlink(missing_ok=True)


def _exists(path: Path) -> errors.Refused:
    hint = "choose another name, or give --overwrite"
    return errors.Refused([errors.Reason("file-exists", f"{path} exists", hint)])
