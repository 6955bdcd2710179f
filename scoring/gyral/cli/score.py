"""``gyral score``: score a model on a benchmark."""

import secrets
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from gyral.benchmarks.installed import find_benchmark
from gyral.cli.progress import Style, emit, reporting
from gyral.device import check_device
from gyral.errors import UnknownName, UserError
from gyral.places import home
from gyral.readouts import READOUTS

if TYPE_CHECKING:
    from gyral.models.model import Model
    from gyral.models.twins import Twin
    from gyral.progress import Progress
    from gyral.record import Record, Result


@click.command()
@click.argument("model")
@click.option("-b", "--benchmark", required=True, metavar="NAME[@VERSION]", help="Benchmark to score on.")
@click.option("--readout", metavar="NAME", help="Readout family; default: the benchmark's.")
@click.option("--layers", multiple=True, metavar="GLOB", help="Layers to read; may be repeated.")
@click.option(
    "--reduce", metavar="METHOD:WIDTH", help="Fewer columns: pca:256 or srp:1000, fitted in training rows."
)
@click.option("--device", default="cpu", show_default=True, help="Where models run and readouts are fitted.")
@click.option("--seed", default=0, show_default=True, help="Seed of everything random.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the record; default: under GYRAL_HOME.")
@click.option("--json", "json_file", type=click.Path(), help="Also write the record's JSON here ('-': print it).")
@click.option("--isolated", is_flag=True, help="Run the model in a guest process, as the site does.")
@click.option(
    "--progress",
    type=click.Choice(["bar", "json", "none"]),
    default="bar",
    show_default=True,
    help="How to report.",
)
@click.option("-q", "--quiet", is_flag=True, help="No bars, no table.")
def score(
    model: str,
    benchmark: str,
    readout: str | None,
    layers: tuple[str, ...],
    reduce: str | None,
    device: str,
    seed: int,
    out: Path | None,
    json_file: str | None,
    isolated: bool,
    progress: str,
    quiet: bool,
) -> None:
    """Score MODEL on a benchmark and keep the record.

    MODEL is a name of `gyral list models`, or the path of a model folder (gyral.toml beside model.onnx,
    safetensors or features). NAME:untrained scores five redrawn twins, NAME:permuted the permuted control.
    """
    style = cast("Style", "none" if quiet and progress == "bar" else progress)

    def run() -> Path:
        with reporting(style) as report:
            result = _result(model, benchmark, readout, layers, reduce, device, seed, isolated, report)
        record = result.record
        folder = out or _folder(record)
        path = result.save(folder)
        if json_file == "-":
            click.echo(record.to_json(), nl=False)
        elif json_file:
            Path(json_file).write_text(record.to_json(), "utf-8")
        if style == "json":
            emit({"record": str(path)})
        elif not quiet and json_file != "-":
            from gyral.cli.show import print_record  # rich is slow to import

            print_record(record)
            click.echo(f"\nrecord: {path}")
        return path

    if style == "json":
        _speaking_json(run)
    else:
        run()


def _folder(record: "Record") -> Path:
    """Where a record is kept: by names, with a piece of the hash where another model has taken the name."""
    from gyral.record import load_record

    name = f"{record.model.name}.{record.rows[0].readout}".replace(":", ".")
    folder = home() / "records" / record.benchmark.id / name
    taken = (folder / "record.json").is_file() and load_record(folder).model.hash != record.model.hash
    return folder.with_name(f"{name}.{record.model.hash[:8]}") if taken else folder


def _result(
    reference: str,
    benchmark: str,
    readout: str | None,
    layers: Sequence[str],
    reduce: str | None,
    device: str,
    seed: int,
    isolated: bool,
    report: "Progress",
) -> "Result":
    found = find_benchmark(benchmark)
    if readout is not None and found.task == "encoding" and readout not in READOUTS:
        raise UnknownName("readout", readout, READOUTS.names())
    if readout is not None and found.task == "rsa" and readout != found.readout:
        raise UserError(f"{found.id} compares RDMs; it takes no readout.", where="--readout", code="no-readout")
    if reduce and found.task == "rsa":
        raise UserError(f"{found.id} compares RDMs; it takes no reduction.", where="--reduce", code="no-readout")
    check_device(device)

    # Torch, onnxruntime and transformers take seconds to import: names are checked first.
    from gyral.datasets.catalogue import open_dataset
    from gyral.evaluate import evaluate
    from gyral.models.catalogue import open_model, split_twin
    from gyral.models.weights import folder_of
    from gyral.room import touch

    path, twin = split_twin(reference)
    draws = _isolated(path, twin, device) if isolated else open_model(reference, device=device)
    if not isolated:  # twins read their weights one after another: the cache must not let them go in between
        touch(folder_of(draws[0].card))
    dataset = open_dataset(found.dataset, progress=report)
    return evaluate(
        draws,
        found,
        dataset,
        readout=readout,
        layers=layers,
        reduce=reduce,
        device=device,
        seed=seed,
        progress=report,
        twin=twin,
    )


def _isolated(path: str, twin: "Twin | None", device: str) -> "Sequence[Model]":
    from gyral.isolation.host import IsolatedModel
    from gyral.models.twins import SEEDS

    seeds = SEEDS[twin] if twin else (0,)
    return [IsolatedModel(Path(path), twin=twin, seed=seed, device=device) for seed in seeds]


def _speaking_json(run: Any) -> None:
    """Report any failure as one JSON line; status 1 is the caller's fault, 70 ours."""
    try:
        run()
    except UserError as error:
        emit({"error": error.as_dict()})
        sys.exit(1)
    except MemoryError:
        emit({"error": {"code": "out-of-memory", "what": "the evaluation ran out of memory.", "where": None,
                        "mend": "Read fewer or smaller layers (`layers` in gyral.toml)."}})  # fmt: skip
        sys.exit(1)
    except Exception:  # noqa: BLE001 - the parent process must get its one line whatever happened
        traceback.print_exc()
        reference = secrets.token_hex(4)
        sys.stderr.write(f"reference {reference}\n")
        emit({"error": {"code": "engine-error", "reference": reference, "what": "the engine failed."}})
        sys.exit(70)
