"""The commands of ``crispnet data``: make what is learned from, or find it.

Packages are imported when a command runs, and not before.
"""

import json as json_format
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from crispnet.app.refusing import SOME_FAILED, refusals

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray", metavar="ADDRESS", help="Work on this Ray cluster: host:port, auto or local.", show_default=False
    ),
]
Minutes = Annotated[float, typer.Option(min=0, help="Between two shots of one scene, at most.")]
Seed = Annotated[int, typer.Option(min=0, help="Another seed, other scenes held out.")]


class CameraKind(StrEnum):
    """What tells a camera to shoot."""

    folder = "folder"
    gphoto2 = "gphoto2"
    adb = "adb"
    virtual = "virtual"


class PublishedKind(StrEnum):
    """A set that others have published."""

    metaisp = "metaisp"
    zurich = "zurich"


Exposures = Annotated[
    list[float] | None, typer.Option("--exposure", metavar="EV", help="Several if you like; they take turns.")
]
Gains = Annotated[list[int] | None, typer.Option("--iso", metavar="ISO", help="Several if you like; they take turns.")]
Card = Annotated[
    list[Path] | None, typer.Option("--from", metavar="FOLDER", help="Where files of a camera by `folder` come to.")
]
Interval = Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds between exposures of a camera by `folder`.")]

data = typer.Typer(
    name="data",
    help="Make what a look is learned from.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@data.command()
def simulate(
    photographs: Annotated[
        list[Path], typer.Argument(metavar="FOLDER...", help="Folders of photographs.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="For raws, pictures and their manifest.")
    ],
    captures: Annotated[
        str | None,
        typer.Option(
            "--set",
            metavar="NAME|FILE",
            help="A frozen set (monitor-v1, real-v1, cameras-v1, cameras-v2); else one is made.",
        ),
    ] = None,
    camera: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A camera to take them with, several times if you like; else a phone."),
    ] = None,
    each: Annotated[
        int | None, typer.Option("--captures", min=1, max=100, help="Captures of each photograph; else 2.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Another seed, other shots; else 1.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, max=64, help="Processes; else one for each core.")] = None,
    ray: Ray = None,
    json: Json = False,
) -> None:
    """Photograph photographs with virtual cameras: raw files, and a virtual phone's pictures of them."""
    if captures and (camera or each or seed is not None):
        raise typer.BadParameter("a frozen set says its cameras, captures and seed itself; leave them out, or --set.")
    if ray and jobs:
        raise typer.BadParameter("a cluster has cores of its own to fill; leave out --jobs, or --ray.")
    with refusals():
        from crispnet.app import simulating

        wish = simulating.Wish(captures, tuple(camera or ()), each, seed, jobs, ray)
        failed = simulating.simulate_and_say(photographs, output, wish, as_json=json)
    if failed:
        raise typer.Exit(SOME_FAILED)


@data.command()
def cameras(json: Json = False) -> None:
    """List the cameras whose sensors have been measured: name, kind, and who measured them."""
    with refusals():
        from crispnet.data.spectra import cameras as measured

        for each in measured():
            facts = {"name": each.name, "kind": each.kind, "source": each.source}
            typer.echo(json_format.dumps(facts) if json else f"{each.name:<28}{each.kind:<8}{each.source}")


@data.command()
def scan(
    raws: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER...", help="Folders of raws, and of their pictures.", show_default=False),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="For the manifest and all that is said.")
    ],
    minutes: Minutes = 10,
    seed: Seed = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a manifest that is there.")] = False,
    json: Json = False,
) -> None:
    """Find your raws' own pictures: which belong together, which do not and why, and a contact sheet to look at."""
    with refusals():
        from crispnet.app import scanning

        wish = scanning.Wish(tuple(raws), output, minutes, seed, overwrite)
        unreadable = scanning.scan(wish, as_json=json)
    if unreadable:
        raise typer.Exit(SOME_FAILED)


@data.command()
def align(
    manifest: Annotated[Path, typer.Argument(help="A manifest, or the folder it is in.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="For the pictures and their manifest.")
    ],
    longest: Annotated[
        int | None, typer.Option(min=64, help="Pixels along the longer side; else all that a picture tells.")
    ] = None,
    json: Json = False,
) -> None:
    """Lay pictures over the photosites they were made from, or go on doing so: what can be learned pixel by pixel."""
    with refusals():
        from crispnet.app import aligning

        failed = aligning.align(aligning.Wish(manifest, output, longest), as_json=json)
    if failed:
        raise typer.Exit(SOME_FAILED)


@data.command()
def split(
    manifest: Annotated[Path, typer.Argument(help="A manifest, or the folder it is in.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The new manifest; else it replaces the old.")
    ] = None,
    minutes: Minutes = 10,
    seed: Seed = 1,
    keep_scenes: Annotated[
        bool, typer.Option("--keep-scenes", help="Take the scenes that the manifest names; else they are found.")
    ] = False,
    json: Json = False,
) -> None:
    """Hold scenes out to test with: shots of one place and time are never on both sides."""
    with refusals():
        from crispnet.app import splitting

        wish = splitting.Wish(manifest, output, minutes, seed, keep_scenes)
        splitting.split(wish, as_json=json)


@data.command()
def capture(
    photographs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER...", help="Photographs to show; none to go on.", show_default=False),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="SESSION", help="For the plan, the log, captures and pairs.")
    ] = Path("session"),
    camera: Annotated[CameraKind, typer.Option(help="How the camera is made to shoot.")] = CameraKind.folder,
    exposures: Exposures = None,
    gains: Gains = None,
    each: Annotated[int, typer.Option("--captures", min=1, max=100, help="Of each photograph.")] = 1,
    chart_every: Annotated[int, typer.Option(min=1, help="Photographs between two charts.")] = 20,
    settle: Annotated[float, typer.Option(min=0, max=60, help="Seconds before each shot.")] = 0.6,
    folders: Card = None,
    interval: Interval = 3.0,
    phone_folder: Annotated[str, typer.Option(help="Where a phone's camera app saves.")] = "/sdcard/DCIM",
    phone_key: Annotated[str, typer.Option(help="What that app takes for its shutter.")] = "KEYCODE_CAMERA",
    licence: Annotated[str, typer.Option(help="Under which the photographs may be used.")] = "not stated",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the page; 0 for any.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another order.")] = 1,
    json: Json = False,
) -> None:
    """Show photographs on this screen, have a camera photograph them, and make pairs of it; or go on doing so."""
    with refusals():
        from crispnet.app import capturing

        wish = capturing.Wish(
            photographs=tuple(photographs or ()),
            session=output,
            camera=camera.value,
            exposures=tuple(exposures or ()),
            gains=tuple(gains or ()),
            each=each,
            chart_every=chart_every,
            settle=settle,
            licence=licence,
            seed=seed,
            port=port,
            folders=tuple(folders or ()),
            interval=interval,
            phone_folder=phone_folder,
            phone_key=phone_key,
        )
        left_out = capturing.capture(wish, as_json=json)
    if left_out:
        raise typer.Exit(SOME_FAILED)


@data.command()
def identify(
    session: Annotated[Path, typer.Argument(help="The folder of a session.", show_default=False)],
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER...", help="Where a camera's own files are.", show_default=False),
    ] = None,
    most_clipped: Annotated[float, typer.Option(min=0, max=1, help="Share of saturated middle tones.")] = 0.3,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Find out what each capture of a session shows, leave out what went wrong, and make pairs of the others."""
    with refusals():
        from crispnet.app import identifying
        from crispnet.data.rig.sorting import Limits

        wish = identifying.Wish(session, tuple(folders or ()), seed, Limits(clipped=most_clipped))
        left_out = identifying.identify(wish, as_json=json)
    if left_out:
        raise typer.Exit(SOME_FAILED)


@data.command(name="import")
def import_set(
    kind: Annotated[PublishedKind, typer.Argument(help="Which set.", show_default=False)],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where its download is.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="For the raws and their manifest.")],
    like: Annotated[
        Path | None, typer.Option(metavar="RAW", help="A raw of the set's camera, which says how that sees colours.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Take so many frames, evenly picked.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a manifest that is there.")] = False,
    json: Json = False,
) -> None:
    """Bring in a set that others have published, as pairs to train with: MetaISP's, or Zurich RAW-to-RGB."""
    with refusals():
        from crispnet.app import importing

        wish = importing.Wish(kind.value, folder, output, like, limit, overwrite)
        importing.bring_in(wish, as_json=json)


@data.command()
def describe(
    manifest: Annotated[Path, typer.Argument(help="A manifest, or the folder it is in.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Else datasheet.md beside the manifest.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a datasheet, and its answers.")] = False,
) -> None:
    """Write a datasheet of a set: what can be counted is, what only you can know is asked."""
    with refusals():
        from crispnet.app import describing

        describing.describe(manifest, output, overwrite=overwrite)
