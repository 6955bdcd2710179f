"""``gyral show --brain`` and ``--rdms``: scores on the cortical surface, and dissimilarities, as SVG files."""

from pathlib import Path

from gyral.brain.picture import brain_svg
from gyral.brain.shown import Show, map_dataset, paint_record, record_units
from gyral.cli.place import require_ours, write
from gyral.errors import BadArrays
from gyral.rdm_view.picture import rdm_svg
from gyral.rdm_view.view import view_rdms
from gyral.record import Record


def write_brain(record: Record, folder: Path, out: Path, shows: Show, *, force: bool = False) -> None:
    """Draw the record in ``folder`` to ``out``.

    Raises
    ------
    BadArrays, UserError
        ``out`` is no SVG file (``picture-format``), or holds something else (``not-ours``) and is not to be replaced by ``force``.
    Unavailable
        The record's dataset is not here, or says no place of its units (``no-geometry``).
    """
    _require_svg(out, "--brain", 'id="brain-title"', force=force)
    mapped = map_dataset(record.benchmark.dataset, record.benchmark.dataset_hash)
    write(out, brain_svg(paint_record(mapped, record, record_units(folder), show=shows)))


def write_rdms(record: Record, folder: Path, out: Path, region: str, *, force: bool = False) -> None:
    """Draw a region's measured RDM beside the model's to ``out``.

    Raises
    ------
    BadArrays, UserError
        As `write_brain`.
    Unavailable
        The record has no RDMs, or its dataset is not here (``no-rdms``).
    """
    _require_svg(out, "--rdms", 'id="rdm-title"', force=force)
    write(out, rdm_svg(view_rdms(record, folder, region)))


def _require_svg(out: Path, option: str, mark: str, *, force: bool) -> None:
    if out.suffix.lower() != ".svg":
        raise BadArrays(
            f"{out.suffix or 'a name without an ending'} is not drawn.",
            where=option,
            mend="Name an .svg file; browsers, Inkscape and LaTeX read it.",
            code="picture-format",
        )
    require_ours(out, option, mark, force=force)
