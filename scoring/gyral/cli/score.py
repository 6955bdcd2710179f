"""``gyral score``: score a model on a benchmark."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from gyral.benchmarks.benchmark import Benchmark, measured_by
from gyral.benchmarks.installed import find_benchmark
from gyral.cli.place import force_option, require_ours, require_own, write
from gyral.cli.progress import Style, emit, reporting
from gyral.cli.size import size_bytes
from gyral.cli.speaking import speaking_json
from gyral.device import check_device
from gyral.errors import UnknownName, UserError
from gyral.places import home
from gyral.readouts import READOUTS
from gyral.readouts.reduction import parse_reduction

if TYPE_CHECKING:
    from gyral.isolation.spare import Spare
    from gyral.models.model import Model
    from gyral.models.twins import Twin
    from gyral.progress import Progress
    from gyral.record import ControlsAsked, Record
    from gyral.result import Result


@click.command()
@click.argument("model")
@click.option("-b", "--benchmark", required=True, metavar="NAME[@VERSION]", help="Benchmark to score on.")
@click.option(
    "--readout",
    metavar="NAME[:OPTION=VALUE,...]",
    help="Readout family; default: the benchmark's. `gyral list` names them.",
)
@click.option(
    "--metric",
    metavar="NAME",
    help="Another metric of the benchmark's task (`gyral list metrics`); default: the benchmark's.",
)
@click.option("--layers", multiple=True, metavar="GLOB", help="Layers to read; may be repeated.")
@click.option(
    "--beside",
    multiple=True,
    metavar="MODEL",
    help="A model whose layers stand beside in a joint readout (banded ...); may be repeated.",
)
@click.option(
    "--reduce", metavar="METHOD:WIDTH", help="Fewer columns: pca:256 or srp:1000, fitted in training rows."
)
@click.option("--device", default="cpu", show_default=True, help="Where models run and readouts are fitted.")
@click.option(
    "--memory",
    default="2G",
    show_default=True,
    metavar="SIZE",
    help="Memory that fitting may take beside features, responses and predictions (M, G).",
)
@click.option(
    "--procedure",
    is_flag=True,
    help="Also an interval that covers training: about twenty further fits without a group of training rows each.",
)
@click.option(
    "--controls",
    type=click.Choice(["standard", "nuisances", "all", "none"]),
    show_default="standard",
    help="What runs beside the model. nuisances: simple features of the stimuli; standard: also layers of one width, and "
    "for language scrambled and isolated words and random vectors; all: also the untrained twin.",
)
@click.option("--no-controls", is_flag=True, help="The same as --controls none.")
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of everything random."
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the record; default: under GYRAL_HOME.")
@click.option("--json", "json_file", type=click.Path(), help="Also write the record's JSON here ('-': print it).")
@force_option
@click.option("--isolated", is_flag=True, help="Run the model in a guest process, as the site does.")
@click.option(
    "--progress",
    type=click.Choice(["bar", "json", "none"]),
    default="bar",
    show_default=True,
    help="How to report; where standard error is no terminal, bars are a line a step.",
)
@click.option("-q", "--quiet", is_flag=True, help="No bars, no table.")
@click.pass_obj
def score(
    spare: "Spare | None",
    model: str,
    benchmark: str,
    readout: str | None,
    metric: str | None,
    layers: tuple[str, ...],
    beside: tuple[str, ...],
    reduce: str | None,
    device: str,
    memory: str,
    procedure: bool,
    controls: "ControlsAsked | None",
    no_controls: bool,
    seed: int,
    out: Path | None,
    json_file: str | None,
    force: bool,
    isolated: bool,
    progress: str,
    quiet: bool,
) -> None:
    """Score MODEL on a benchmark and keep the record.

    MODEL is a name of `gyral list models`, or the path of a model folder (gyral.toml beside model.onnx,
    safetensors or features). NAME:untrained scores five redrawn twins, NAME:permuted the permuted control.
    """
    if no_controls and controls not in (None, "none"):
        raise click.UsageError(f"--no-controls and --controls {controls} contradict each other.")
    wanted: ControlsAsked = "none" if no_controls else controls or "standard"
    style = cast("Style", "none" if quiet and progress == "bar" else progress)

    def run() -> Path:
        size = size_bytes(memory)
        if json_file and json_file != "-":
            require_ours(Path(json_file), "--json", '"schema_version"', force=force)
        if out is not None:
            require_own(out, model, benchmark, "--out", force=force)
        asked = _Asked(benchmark, readout, metric, layers, beside, reduce, device, size, procedure, wanted, seed)
        with reporting("told" if style == "bar" else style) as report:
            result = _result(model, asked, isolated, report, spare)
        record = result.record
        folder = out or _folder(record, asked)
        path = result.save(folder)
        if json_file == "-":
            click.echo(record.to_json(), nl=False)
        elif json_file:
            write(Path(json_file), record.to_json())
        if style == "json":
            emit({"record": str(path)})
        elif not quiet and json_file != "-":
            from gyral.cli.show import print_record  # rich is slow to import

            print_record(record, curves=result.curves)
            click.echo(f"\nrecord: {path}")
        return path

    if style == "json":
        speaking_json(run)
    else:
        run()


def _folder(record: "Record", asked: "_Asked") -> Path:
    """Where a record is kept: by names, with a piece of a hash where something else decides the score as well."""
    from gyral.hashing import hash_json
    from gyral.result import load_record

    name = "".join(
        c if c.isalnum() or c in "._+=-" else "." for c in f"{record.model.name}.{record.rows[0].readout}"
    )
    if asked.metric:
        name += f".{asked.metric}"
    if asked.layers or asked.beside or asked.seed:
        name += f".{hash_json([list(asked.layers), list(asked.beside), asked.seed])[:8]}"
    folder = home() / "records" / record.benchmark.id / name
    taken = (folder / "record.json").is_file() and load_record(folder).model.hash != record.model.hash
    return folder.with_name(f"{name}.{record.model.hash[:8]}") if taken else folder


@dataclass(frozen=True)
class _Asked:
    """The options that decide a score."""

    benchmark: str
    readout: str | None
    metric: str | None
    layers: Sequence[str]
    beside: Sequence[str]
    reduce: str | None
    device: str
    memory: int
    procedure: bool
    controls: "ControlsAsked"
    seed: int


def _result(reference: str, asked: _Asked, isolated: bool, report: "Progress", spare: "Spare | None") -> "Result":
    found = measured_by(find_benchmark(asked.benchmark), asked.metric)
    family = asked.readout.partition(":")[0] if asked.readout else None
    if family is not None and found.task == "encoding" and family not in READOUTS:
        raise UnknownName("readout", family, READOUTS.names())
    if found.task != "encoding":
        _no_readout(found.id, found.readout, asked)
    check_device(asked.device)
    if asked.reduce:
        parse_reduction(asked.reduce)

    from gyral.models.catalogue import modality_of, open_model, split_twin

    _require_modality(reference, modality_of(reference), found)
    for name in asked.beside:
        try:
            _require_modality(name, modality_of(name), found)
        except UserError as error:
            error.where = "--beside"
            raise

    path, twin = split_twin(reference)
    device = asked.device
    # A guest comes up while this process imports torch and transformers, which takes seconds: names are checked first.
    guests = _isolated(path, twin, device, spare) if isolated else ()

    from gyral.datasets.catalogue import open_dataset
    from gyral.evaluate import evaluate
    from gyral.models.weights import folder_of
    from gyral.readouts.spec import open_readout
    from gyral.room import touch

    if asked.readout and found.task == "encoding":
        open_readout(asked.readout, exchangeable=True)  # a wrong option is told before any work
    draws = guests or open_model(reference, device=device)
    if not isolated:  # twins read their weights one after another: the cache must not let them go in between
        touch(folder_of(draws[0].card))
    dataset = open_dataset(found.dataset, progress=report)
    return evaluate(
        draws,
        found,
        dataset,
        readout=asked.readout,
        layers=asked.layers,
        beside=[model for name in asked.beside for model in open_model(name, device=device)],
        reduce=asked.reduce,
        device=device,
        memory=asked.memory,
        procedure=asked.procedure,
        controls=asked.controls,
        untrained=_untrained(reference, twin, asked, isolated),
        seed=asked.seed,
        progress=report,
        twin=twin,
    )


def _require_modality(model: str, modality: str | None, benchmark: Benchmark) -> None:
    """Say early what `gyral.evaluate` would say after the data are open; a path tells only when it is opened."""
    if modality is not None and modality != benchmark.modality:
        from gyral.models.card import A_MODEL, SHOWN  # slow: pydantic

        raise UserError(
            f"{model!r} is {A_MODEL[modality]}; benchmark {benchmark.id} shows {SHOWN[benchmark.modality]} stimuli.",
            mend="`gyral list` names the benchmarks of each modality.",
            code="wrong-modality",
        )


def _no_readout(benchmark: str, readout: str, asked: _Asked) -> None:
    given = {
        "--readout": asked.readout not in (None, readout),
        "--reduce": asked.reduce,
        "--beside": asked.beside,
        "--procedure": asked.procedure,
    }
    for option, used in given.items():
        if used:
            raise UserError(
                f"{benchmark} fits no readout; it takes no {option.removeprefix('--')}.",
                where=option,
                code="no-readout",
            )


def _isolated(path: str, twin: "Twin | None", device: str, spare: "Spare | None" = None) -> "Sequence[Model]":
    from gyral.isolation.host import isolated
    from gyral.models.twins import SEEDS

    return isolated(Path(path), twin=twin, seeds=SEEDS[twin] if twin else (0,), device=device, spare=spare)


def _untrained(reference: str, twin: "Twin | None", asked: _Asked, isolated: bool) -> "Sequence[Model]":
    """The draws of a model's untrained twin where it is asked for as a control and there is one."""
    if twin or asked.controls != "all":
        return ()
    from gyral.models.catalogue import open_model

    try:
        if isolated:
            return _isolated(reference, "untrained", asked.device)
        return open_model(f"{reference}:untrained", device=asked.device)
    except UserError as error:
        if error.code == "no-twin":
            return ()
        raise
