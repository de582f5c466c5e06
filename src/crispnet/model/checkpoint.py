"""Trained weights in a file from which the network can be rebuilt: safetensors, with how it was made in the header.

The header holds one entry, ``crispnet``: JSON of ``schema`` (1), ``model`` (its name in the catalogue), ``options``
(those it was built with) and ``facts`` (whatever the run has to say: recipe, step, commit). Nothing is unpickled, and
what does not fit exactly is refused.
"""

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from crispnet.errors import RunError
from crispnet.model.catalogue import build
from crispnet.model.contract import ISP

ENTRY, SCHEMA = "crispnet", 1
KINDS = {"schema": int, "model": str, "options": dict, "facts": dict}
NAMED = 3  # tensors that a message names at most


def save(
    model_name: str, options: Mapping[str, Any], state_dict: Mapping[str, Tensor], path: Path, **facts: Any
) -> None:
    """Write weights whole or not at all, over an older file of that name.

    Args:
        model_name: the network's name in the catalogue.
        options: those it was built with, as JSON can say them.
        state_dict: its weights.
        path: usually ending in ``.safetensors``.
        facts: what ``load`` is to give back beside the network, as JSON can say it.

    Raises:
        RunError: the file cannot be written.
    """
    if KINDS.keys() & facts.keys():
        raise ValueError(f"expected facts other than {', '.join(KINDS)}, got {', '.join(facts)}")
    header = json.dumps({"schema": SCHEMA, "model": model_name, "options": dict(options), "facts": facts})
    tensors = {name: tensor.detach().contiguous() for name, tensor in state_dict.items()}
    hidden = path.with_name(f".crispnet-{secrets.token_hex(8)}.part")
    try:
        save_file(tensors, hidden, metadata={ENTRY: header})
        os.replace(hidden, path)
    except (OSError, SafetensorError) as error:
        raise RunError(
            f"The checkpoint {path} cannot be written: {error}. A writable folder with enough free space was needed. "
            "Check the folder and the disk, or choose another place for the run."
        ) from error
    finally:
        with suppress(OSError):
            hidden.unlink()


def load(path: Path) -> tuple[ISP, dict[str, Any]]:
    """Rebuild a network, in evaluation mode, with the weights of a file.

    Returns:
        the network, and the header's ``model``, ``options`` and facts.

    Raises:
        RunError: there is no such file, it is damaged or no checkpoint, or its tensors are not those of its network.
    """
    header, tensors = _read(path)
    isp = build(header["model"], **header["options"])
    _check(tensors, isp.state_dict(), path)
    isp.load_state_dict(tensors)
    return isp.eval(), {"model": header["model"], "options": header["options"], **header["facts"]}


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            header = _parsed((file.metadata() or {}).get(ENTRY, ""), path)
            return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise _unusable(path, f"cannot be read: {error}") from error


def _parsed(entry: str, path: Path) -> dict[str, Any]:
    try:
        header = json.loads(entry)
    except json.JSONDecodeError as error:
        raise _unusable(path, "does not say how its network was made") from error
    if not isinstance(header, dict) or header.get("schema") != SCHEMA:
        raise _unusable(path, f"was not written to schema {SCHEMA}")
    if set(header) != set(KINDS) or not all(isinstance(header[key], kind) for key, kind in KINDS.items()):
        raise _unusable(path, "does not say how its network was made")
    return header


def _check(tensors: Mapping[str, Tensor], needed: Mapping[str, Tensor], path: Path) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in needed.items()}
    missing, extra = sorted(set(shapes) - set(tensors)), sorted(set(tensors) - set(shapes))
    misshaped = [name for name in shapes if name in tensors and tuple(tensors[name].shape) != shapes[name]]
    faults = {"lacks": missing, "has beside its network's": extra, "has in another shape": misshaped}
    for fault, names in faults.items():
        if names:
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            raise _unusable(path, f"{fault} {', '.join(names[:NAMED])}{more}")


def _unusable(path: Path, what: str) -> RunError:
    return RunError(
        f"The checkpoint {path} {what}. A whole safetensors file written by this version of crispnet was needed. Take "
        "another checkpoint of the run, or train again."
    )
