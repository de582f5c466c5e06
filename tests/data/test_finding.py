from pathlib import Path

import pytest
from PIL import Image

from crispnet.data.finding import EMBEDDED, MOST, SIDECAR, Finder
from crispnet.errors import ForeignPicture, NoCameraPicture
from crispnet.raw.opening import HERE

SOFTWARE = 0x0131


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    """A folder without neighbours: those of other tests may have names like folders of pictures."""
    alone = tmp_path / "alone" / "here"
    alone.mkdir(parents=True)
    return alone


def picture(path: Path, software: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if software:
        exif[SOFTWARE] = software
    Image.new("RGB", (8, 6), (90, 60, 30)).save(path, exif=exif)
    return path


def raw(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def found(finder: Finder, path: Path, top: Path) -> list[str]:
    candidates = list(finder.candidates(path))
    assert [each.source for each in candidates] == [SIDECAR] * (len(candidates) - 1) + [EMBEDDED]
    return [each.path.absolute().relative_to(top).as_posix() for each in candidates if each.path]


def test_pictures_of_its_name_are_found_whatever_the_case(tmp_path):
    for name in ("IMG_1.JPG", "img_1.jpeg", "IMG_1.Png", "IMG_1.tiff", "IMG_10.jpg"):
        picture(tmp_path / name)
    (tmp_path / "IMG_1.txt").touch()
    picture(tmp_path / "._IMG_1.jpg")
    (tmp_path / "IMG_1.tif").mkdir()
    names = found(Finder([tmp_path]), raw(tmp_path / "IMG_1.CR2"), tmp_path)
    assert sorted(names) == ["IMG_1.JPG", "IMG_1.Png", "IMG_1.tiff", "img_1.jpeg"]


def test_the_nearest_is_the_likeliest(tmp_path):
    for place in ("day1/raw", "day1", "day1/jpeg", "day1/raw/small", "day2/jpeg"):
        picture(tmp_path / place / "a.jpg")
    names = found(Finder([tmp_path]), raw(tmp_path / "day1/raw/a.nef"), tmp_path)
    assert names == ["day1/raw/a.jpg", "day1/a.jpg", "day1/raw/small/a.jpg", "day1/jpeg/a.jpg"]
    assert len(names) == MOST


def test_pictures_are_called_as_the_user_calls_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture(Path("card/a.jpg"))
    path = raw(Path("card/a.nef"))
    for named in (Path("card"), tmp_path / "card", path):
        first = next(iter(Finder([named]).candidates(path)))
        assert first.path == (tmp_path / "card/a.jpg" if named.is_absolute() else Path("card/a.jpg"))
    assert len(list(Finder([Path("card"), tmp_path / "card"]).candidates(path))) == 2


def test_folders_beside_that_of_the_raw_are_looked_into(tmp_path):
    picture(tmp_path / "JPEG" / "a.jpg")
    for place in ("other day", "JPEG/deep", ".trash", "rejpegged"):  # whose pictures may be another raw's
        picture(tmp_path / place / "a.jpg")
    assert found(Finder([tmp_path / "RAW"]), raw(tmp_path / "RAW" / "a.nef"), tmp_path) == ["JPEG/a.jpg"]


def test_folders_that_were_named_are_looked_into_however_far_away(tmp_path):
    picture(tmp_path / "card" / "DCIM" / "100" / "a.jpg")
    finder = Finder([tmp_path / "x" / "y" / "raws", tmp_path / "card", tmp_path / "nowhere"])
    assert found(finder, raw(tmp_path / "x" / "y" / "raws" / "a.nef"), tmp_path) == ["card/DCIM/100/a.jpg"]


def test_our_own_pictures_are_nobodys(tmp_path):
    picture(tmp_path / "a.jpg", "crispnet 0.1.0, look phone")
    picture(tmp_path / "out" / "a.png")
    path = raw(tmp_path / "a.nef")
    assert found(Finder([tmp_path], passed_over=[tmp_path / "out"]), path, tmp_path) == []
    assert found(Finder([tmp_path]), path, tmp_path) == ["out/a.png"]


@pytest.mark.parametrize("name", ["JPG", "jpegs", "my-ooc", "SOOC", "2024 jpg", "tiff"])
def test_folders_of_pictures_are_known_by_their_names(tmp_path, name):
    picture(tmp_path / name / "a.jpg")
    assert found(Finder([]), raw(tmp_path / "a.nef"), tmp_path) == [f"{name}/a.jpg"]


@pytest.mark.parametrize("software", ["Adobe Photoshop Lightroom Classic 13.1", "darktable 4.6", "RawTherapee 5.10"])
def test_what_an_editor_wrote_is_not_the_cameras(tmp_path, software):
    picture(tmp_path / "a.jpg", software)
    first = next(iter(Finder([tmp_path]).candidates(raw(tmp_path / "a.nef"))))
    with pytest.raises(ForeignPicture, match=rf"written by {software}.* was needed .*Look for the original"):
        first.read(HERE)


def test_what_the_camera_wrote_is_read(tmp_path):
    picture(tmp_path / "a.jpg", "HD7.01.01.61.00")
    first = next(iter(Finder([tmp_path]).candidates(raw(tmp_path / "a.nef"))))
    assert first.read(HERE).pixels.shape == (6, 8, 3)


def test_a_damaged_picture_says_so_when_it_is_read(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff")
    first = next(iter(Finder([tmp_path]).candidates(raw(tmp_path / "a.nef"))))
    with pytest.raises(NoCameraPicture, match=r"a\.jpg cannot be read"):
        first.read(HERE)


def test_pictures_without_a_raw_are_listed_but_for_our_own(tmp_path):
    for name in ("a.jpg", "b.jpg", "deep/B.png"):
        picture(tmp_path / name)
    picture(tmp_path / "sheet-1.jpg", "crispnet")
    lonely = Finder([tmp_path]).without_raw([raw(tmp_path / "A.nef")])
    assert lonely == [tmp_path / "b.jpg", tmp_path / "deep" / "B.png"]
