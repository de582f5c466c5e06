"""What a worker does with photographs at a small size: one verb for each request of ``worker``.

A request names the photograph by ``id``, ``version`` and ``path``, and says in ``names`` what users call paths.
"""

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image

from crispnet.darkroom.matching import match
from crispnet.darkroom.output import srgb_profile
from crispnet.errors import CrispnetError
from crispnet.look import DEFAULT
from crispnet.raw.facts import facts, in_words
from crispnet.raw.light import light_for
from crispnet.raw.orientation import upright
from crispnet.raw.white_balance import from_neutral
from crispnet.serve import compare, quick
from crispnet.serve.compare import Camera
from crispnet.serve.kept import Kept
from crispnet.serve.looks import Looks
from crispnet.serve.naming import spoken
from crispnet.serve.quick import Photograph
from crispnet.serve.wish import Wish
from crispnet.serve.worker import Facts, Handle

MOST_KEPT = 400 << 20  # bytes of decoded photographs
MOST_RENDERINGS = 8
QUALITY = 92  # of pictures to look at


def small(looks: Mapping[str, str], *, warm: bool = True) -> Handle:
    """Make what answers requests for small renderings."""
    bench = _Small(Looks(looks))
    if warm:
        quick.warm_up(bench.looks.named(DEFAULT))
    return bench.handle


class _Small:
    """Answers requests for small renderings; photographs and renderings stay for the next request."""

    def __init__(self, looks: Looks) -> None:
        self.looks = looks
        self._photographs: Kept[Photograph] = Kept(MOST_KEPT, size=lambda photograph: photograph.nbytes)
        self._cameras: Kept[Camera] = Kept(MOST_KEPT // 4, size=lambda camera: camera.picture.pixels.nbytes)
        self._renderings: Kept[tuple[np.ndarray, str]] = Kept(MOST_RENDERINGS, size=lambda _: 1)
        self._verbs = {
            "facts": self._facts,
            "proof": self._proof,
            "histogram": self._histogram,
            "camera": self._camera_picture,
            "place": self._place,
            "differences": self._differences,
            "grey": self._grey,
            "forget": self._forget,
        }

    def handle(self, request: Facts) -> tuple[Facts, bytes]:
        """Answer a request."""
        return spoken(self._verbs[request["do"]], request)

    def _facts(self, request: Facts) -> tuple[Facts, bytes]:
        raw = self._photograph(request).raw
        height, width = raw.upright_size
        light = light_for(raw.calibrations, raw.white_balance)
        told = {
            "width": width,
            "height": height,
            "light": {"kelvin": light.kelvin, "tint": light.tint},
            "values": [
                {"name": name.replace("_", " "), "value": in_words(name, fact["value"], raw), "source": fact["source"]}
                for name, fact in facts(raw).items()
            ],
            "exif": dict(raw.exif),
            "notes": list(raw.notes),
        }
        return told, b""

    def _proof(self, request: Facts) -> tuple[Facts, bytes]:
        photograph = self._photograph(request)
        pixels, note = self._rendered(request)
        return {"note": note}, as_jpeg(photograph.upright_codes(pixels))

    def _histogram(self, request: Facts) -> tuple[Facts, bytes]:
        pixels, _ = self._rendered(request)
        return quick.histogram(self._photograph(request).upright_codes(pixels)), b""

    def _camera_picture(self, request: Facts) -> tuple[Facts, bytes]:
        return {}, as_jpeg(self._camera(request).picture.pixels)

    def _place(self, request: Facts) -> tuple[Facts, bytes]:
        camera = self._camera(request)
        height, width = camera.picture.pixels.shape[:2]
        told = {"picture": camera.name, "colour_space": camera.picture.colour_space, "width": width, "height": height}
        return told | {"place": camera.place, "reason": camera.reason}, b""

    def _differences(self, request: Facts) -> tuple[Facts, bytes]:
        pixels, _ = self._rendered(request | {"size": "quick"})
        photograph, camera = self._photograph(request), self._camera(request)
        differences = camera.differences(upright(pixels, photograph.raw.orientation))
        height, width = differences.shape
        return {"width": width, "height": height, **compare.figures(differences)}, compare.as_map(differences)

    def _grey(self, request: Facts) -> tuple[Facts, bytes]:
        photograph = self._photograph(request)
        neutral = photograph.neutral_at(request["across"], request["down"])
        balance = None if neutral is None else from_neutral(neutral)
        if balance is None:
            raise CrispnetError(
                "This place is too dark, clipped, or too colourful to be grey. A grey or white that is not clipped was "
                "needed. Pick another place."
            )
        light = light_for(photograph.raw.calibrations, balance)
        told = ",".join(f"{value:.4f}" for value in balance[:3])
        return {"white_balance": told, "kelvin": light.kelvin, "tint": light.tint}, b""

    def _forget(self, request: Facts) -> tuple[Facts, bytes]:
        """Forget photographs that were removed."""
        gone = set(request["ids"])
        for kept in (self._photographs, self._cameras, self._renderings):
            kept.forget(lambda key: isinstance(key, tuple) and key[0] in gone)
        return {}, b""

    def _photograph(self, request: Facts) -> Photograph:
        return self._photographs.get((request["id"],), lambda: Photograph.open(request["path"]))

    def _rendered(self, request: Facts) -> tuple[np.ndarray, str]:
        """Render small: float32 pixels in sensor orientation, and what there is to say about them."""
        wish, size = Wish.of(request["wish"]).plainly(), request["size"]
        key = (request["id"], request["version"], wish, size)
        return self._renderings.get(key, lambda: self._render(request, wish, size))

    def _render(self, request: Facts, wish: Wish, size: quick.Size) -> tuple[np.ndarray, str]:
        wish.check()
        photograph = self._photograph(request)
        pixels = photograph.develop(self.looks.wished(wish), wish, size=size)
        if not wish.match:
            return pixels, ""
        camera = self._camera(request)
        if camera.registration is None:
            return pixels, f"{camera.reason} The colours are the look's own, not the camera's."
        rendering = upright(pixels, photograph.raw.orientation)
        found = match(rendering, camera.picture.pixels)
        found.colours.apply(rendering, out=rendering)
        return pixels, ""

    def _camera(self, request: Facts) -> Camera:
        """Find the camera's picture, by the default look's rendering."""

        def find() -> Camera:
            photograph = self._photograph(request)
            pixels = photograph.develop(self.looks.named(DEFAULT), Wish(), size="quick")
            return Camera.of(photograph.raw, upright(pixels, photograph.raw.orientation))

        return self._cameras.get((request["id"], request["version"]), find)


def as_jpeg(codes: np.ndarray) -> bytes:
    """Encode upright codes (h, w, 3) as a JPEG with its profile, and without shooting data."""
    file = io.BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(codes))
    picture.save(file, "jpeg", quality=QUALITY, subsampling="4:4:4", icc_profile=srgb_profile())
    return file.getvalue()
