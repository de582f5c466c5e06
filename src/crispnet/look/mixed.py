"""Two looks as one: the first at strength 0, the second at 1, between them a mixture.

    the same renderer, other scenes     the scenes are mixed, and rendered once
    anything else                       both render, and their pictures are mixed

A mixture of scenes costs no more than one look. It needs two looks whose networks render with the very same weights,
such as two that differ in how they see the whole photograph; otherwise the scene of one says nothing to the other.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from crispnet.look.contract import DeepLook, Depths, Look, Metadata, in_depths
from crispnet.look.file import LookFile
from crispnet.look.plain import PlainLook
from crispnet.look.shelf import file_of


def mixed(one: Look, other: Look, *, strength: float, scenes: bool) -> Look:
    """Mix two looks.

    Args:
        one: at strength 0.
        other: at strength 1.
        strength: 0 to 1; at its ends the look itself comes back.
        scenes: whether the two share a renderer (``share_renderer``), so that scenes can be mixed.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"expected a strength of 0 to 1, got {strength}")
    if strength in (0, 1):
        return other if strength else one
    return MixedScenes(one, other, strength) if scenes else MixedPictures(one, other, strength)


def share_renderer(one: str, other: str) -> bool:
    """Tell whether two looks, by name or by file, render with the same network and the same weights.

    Raises:
        LookError: there is no such look, or its file cannot be used.
    """
    if PlainLook.name in (one, other):
        return False
    files = [LookFile.open(file_of(name)) for name in (one, other)]
    if files[0].stride != files[1].stride or files[0].halo != files[1].halo:
        return False
    return _renderer(files[0]) == _renderer(files[1])


def _renderer(file: LookFile) -> str:
    """Sum up the half of a look's graph that renders: its nodes, its shapes and its weights."""
    from crispnet.look.cutting import halves
    from crispnet.look.runtime import core

    _, after = halves(core(), file)
    digest = hashlib.sha256()
    for node in after.get_ordered_ops():
        kind = node.get_type_name()
        shapes = [str(output.get_partial_shape()) for output in node.outputs()]
        digest.update(repr((kind, node.get_input_size(), shapes)).encode())
        if kind == "Constant":
            digest.update(node.get_data().tobytes())
    return digest.hexdigest()


class _Mixture:
    """What both kinds of mixture have: a name, a card, and a strength."""

    def __init__(self, one: Look, other: Look, strength: float) -> None:
        self._one, self._other = one, other
        self._strength = np.float32(strength)
        self.name = f"{other.name} {other.version} at {strength:.0%} over {one.name}"
        self.version = one.version
        self.card: Mapping[str, str] = {
            "summary": f"{strength:.0%} of {other.name}, the rest {one.name}.",
            "learned from": "what its two looks learned from",
            "cameras": f"{other.name}: {other.card['cameras']}; {one.name}: {one.card['cameras']}",
            "licence": f"{other.name}: {other.card['licence']}; {one.name}: {one.card['licence']}",
        }

    def _between(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return one + self._strength * (other - one)


class MixedScenes(_Mixture):
    """Two looks with one renderer: their scenes are mixed."""

    def __init__(self, one: Look, other: Look, strength: float) -> None:
        """Mix two looks; ``strength`` is the share of the other."""
        super().__init__(one, other, strength)
        self.stride, self.bytes_per_cell = other.stride, other.bytes_per_cell
        self.cells_at_once, self.halo = other.cells_at_once, other.halo
        deep = in_depths(other)
        self.depths: Depths | None = deep[1] if deep else None

    def scene(self, thumbnail: np.ndarray, metadata: Metadata) -> np.ndarray:
        """See the photograph with both looks: (b, n)."""
        return self._between(self._one.scene(thumbnail, metadata), self._other.scene(thumbnail, metadata))

    def render(self, packed: np.ndarray, scene: np.ndarray) -> np.ndarray:
        """Render a window, as ``look.contract.Look``."""
        return self._other.render(packed, scene)

    def __getattr__(self, name: str) -> Any:
        """Leave the calls of ``look.contract.DeepLook`` to the other look."""
        if name not in ("descend", "deepen", "ascend", "expect"):
            raise AttributeError(name)
        return getattr(self._other, name)


class MixedPictures(_Mixture):
    """Any two looks: both render, and what they rendered is mixed.

    The fine and coarse levels of one of them stay parted (``look.contract.DeepLook``) where the other has none, and
    sees no further than the fine levels do.
    """

    def __init__(self, one: Look, other: Look, strength: float) -> None:
        """Mix two looks; ``strength`` is the share of the other.

        Raises:
            ValueError: one of them is exact on whole photographs only.
        """
        super().__init__(one, other, strength)
        if one.halo is None or other.halo is None:
            raise ValueError("expected two looks that render in windows")
        self.stride = math.lcm(one.stride, other.stride)
        self.halo = max(one.halo, other.halo)
        self.bytes_per_cell = max(one.bytes_per_cell, other.bytes_per_cell) + 2 * 12 * 4
        self.cells_at_once = min(one.cells_at_once, other.cells_at_once)
        self._deep, self.depths = self._parted()

    def scene(self, thumbnail: np.ndarray, metadata: Metadata) -> tuple[Any, Any]:
        """See the photograph with both looks."""
        return self._one.scene(thumbnail, metadata), self._other.scene(thumbnail, metadata)

    def render(self, packed: np.ndarray, scene: tuple[Any, Any]) -> np.ndarray:
        """Render a window with both, as ``look.contract.Look``."""
        return self._between(self._one.render(packed, scene[0]), self._other.render(packed, scene[1]))

    def descend(self, packed: np.ndarray, scene: tuple[Any, Any]) -> np.ndarray:
        """See the fine levels of the look that has them."""
        place, deep = self._deep_one()
        return deep.descend(packed, scene[place])

    def deepen(self, features: np.ndarray, scene: tuple[Any, Any]) -> np.ndarray:
        """See its coarse levels."""
        place, deep = self._deep_one()
        return deep.deepen(features, scene[place])

    def ascend(self, packed: np.ndarray, context: np.ndarray, scene: tuple[Any, Any]) -> np.ndarray:
        """Render with both, one of them with its context."""
        place, deep = self._deep_one()
        pictures = [
            look.render(packed, of)
            for look, of in zip((self._one, self._other), scene, strict=True)
            if look is not deep
        ]
        pictures.insert(place, deep.ascend(packed, context, scene[place]))
        return self._between(*pictures)

    def expect(self, fine: tuple[int, int], coarse: tuple[int, int]) -> None:
        """Let the look that has levels make ready."""
        self._deep_one()[1].expect(fine, coarse)

    def _parted(self) -> tuple[int | None, Depths | None]:
        """Find the look whose levels stay parted: its place, and its depths."""
        found = [in_depths(look) for look in (self._one, self._other)]
        for place, (deep, look) in enumerate(zip(found, (self._other, self._one), strict=True)):
            alone = deep is not None and found[1 - place] is None
            if deep and alone and (look.halo or 0) <= deep[1].halo and deep[1].scale % look.stride == 0:
                return place, deep[1]
        return None, None

    def _deep_one(self) -> tuple[int, DeepLook]:
        deep = in_depths((self._one, self._other)[self._deep]) if self._deep is not None else None
        if self._deep is None or deep is None:
            raise ValueError(f"expected a look with fine and coarse levels, got {self.name}")
        return self._deep, deep[0]
