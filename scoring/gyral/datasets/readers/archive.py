"""Zip archives of images."""

import zipfile
from pathlib import Path, PurePosixPath

from gyral.errors import BadDataset

_IMAGES = {".jpg", ".jpeg", ".png"}
_LARGEST = 64 << 20  # bytes of one image, unpacked: an archive may not fill the disk by surprise


def unpack_images(archive: Path, folder: Path) -> list[Path]:
    """Unpack the images of a zip side by side, sorted by file name; folders inside the archive are dropped.

    Raises
    ------
    BadDataset
        Not a zip, doubled file names, an image over 64 MiB, or no image at all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            members = sorted((PurePosixPath(m.filename).name, m) for m in opened.infolist() if _is_image(m))
            names = [name for name, _ in members]
            if not names:
                raise BadDataset("no image in the archive.", where=str(archive))
            if len(set(names)) != len(names):
                raise BadDataset("two images of one name in the archive.", where=str(archive))
            for name, member in members:
                if member.file_size > _LARGEST:
                    raise BadDataset(f"image {name!r} has {member.file_size} bytes.", where=str(archive))
                (folder / name).write_bytes(opened.read(member))
    except zipfile.BadZipFile as error:
        raise BadDataset(f"not a readable zip archive: {error}.", where=str(archive)) from None
    return [folder / name for name in names]


def _is_image(member: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(member.filename)
    # macOS puts a shadow file beside every file.
    shadow = "__MACOSX" in path.parts or path.name.startswith(".")
    return path.suffix.lower() in _IMAGES and not member.is_dir() and not shadow
