"""What ``crispnet preview`` does with each raw."""

import io
from typing import Any

from PIL import Image

from crispnet.app import batch
from crispnet.app.reporting import report
from crispnet.darkroom.output import srgb_profile
from crispnet.files import check_destination, whole_file
from crispnet.raw.picture import CameraPicture, camera_picture


def preview_all(tasks: list[batch.Task], *, overwrite: bool, as_json: bool) -> int:
    """Take the camera's own picture out of every raw, say what became of each, and return how many failed."""

    def work(task: batch.Task) -> dict[str, Any]:
        picture = camera_picture(task.raw)
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

    return report(batch.run(tasks, work), count=len(tasks), doing="taking out", as_json=as_json)


def as_jpeg(picture: CameraPicture) -> bytes:
    """Give the camera's own bytes where they are upright sRGB already, else encode the pixels again."""
    if picture.jpeg is not None:
        return picture.jpeg
    encoded = io.BytesIO()
    image = Image.fromarray(picture.pixels)
    image.save(encoded, "JPEG", quality=95, subsampling=0, icc_profile=srgb_profile())
    return encoded.getvalue()
