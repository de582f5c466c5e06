"""What ``crispnet preview`` does with each raw."""

import io
from functools import partial
from typing import Any

from PIL import Image

from crispnet.app import batch
from crispnet.app.reporting import report
from crispnet.darkroom.output import srgb_profile
from crispnet.files import check_destination, whole_file
from crispnet.raw.apart import opening_for
from crispnet.raw.opening import Opening
from crispnet.raw.picture import CameraPicture


def preview_all(tasks: list[batch.Task], *, overwrite: bool, as_json: bool) -> int:
    """Take the camera's own picture out of every raw, say what became of each, and return how many failed."""

    def work(task: batch.Task, opening: Opening) -> dict[str, Any]:
        picture = opening.camera_picture(task.raw)
        task.make_folder()
        check_destination(task.picture, raw=task.raw, overwrite=overwrite)
        with whole_file(task.picture, overwrite=overwrite) as part:
            part.write_bytes(as_jpeg(picture))
        height, width = picture.pixels.shape[:2]
        return {
            "picture": str(task.picture),
            "width": width,
            "height": height,
            "colour_space": picture.colour_space,
            "as_the_camera_wrote_it": picture.jpeg is not None,
        }

    with opening_for(len(tasks)) as opening:
        outcomes = batch.run(tasks, partial(work, opening=opening))
        return report(outcomes, count=len(tasks), doing="taking out", as_json=as_json)


def as_jpeg(picture: CameraPicture) -> bytes:
    """Give the camera's own bytes where they are upright sRGB already, else encode the pixels again."""
    if picture.jpeg is not None:
        return picture.jpeg
    encoded = io.BytesIO()
    image = Image.fromarray(picture.pixels)
    image.save(encoded, "JPEG", quality=95, subsampling=0, icc_profile=srgb_profile())
    return encoded.getvalue()
