"""``gyral retrieve``: which stimulus was seen or heard, found among held-out ones from windows of M/EEG."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gyral.benchmarks.installed import find_benchmark
from gyral.cli.place import force_option, require_ours, write
from gyral.cli.progress import reporting
from gyral.device import check_device
from gyral.errors import UserError

if TYPE_CHECKING:
    from gyral.retrieval.retrieve import Retrieval


@click.command()
@click.argument("model")
@click.option("-b", "--benchmark", required=True, metavar="NAME[@VERSION]", help="M/EEG, such as sim-eeg.")
@click.option(
    "--decoder",
    "decoders",
    multiple=True,
    type=click.Choice(("ridge", "contrastive")),
    help="May be repeated; default: both.",
)
@click.option("--layers", multiple=True, metavar="GLOB", help="Layers to choose among; may be repeated.")
@click.option(
    "--epochs", type=click.IntRange(1), default=30, show_default=True, help="Of the contrastive decoder."
)
@click.option("--device", default="cpu", show_default=True, help="Where model and decoder run.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Also write the numbers to FILE."
)
@force_option
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def retrieve(
    model: str,
    benchmark: str,
    decoders: tuple[str, ...],
    layers: tuple[str, ...],
    epochs: int,
    device: str,
    seed: int,
    file: Path | None,
    force: bool,
    quiet: bool,
) -> None:
    """Find the held-out stimuli of a benchmark from its M/EEG, in the space of MODEL's features.

    A decoder maps every window to features; the right stimulus is sought among all held-out ones of its fold.
    """
    found = find_benchmark(benchmark)
    check_device(device)
    if file is not None:
        require_ours(file, "--json", '"model_hash"', force=force)

    # Slow imports (torch, pandas) come after the cheap checks.
    from gyral.datasets.catalogue import open_dataset
    from gyral.features.extract import extract
    from gyral.models.activation import require_modality
    from gyral.models.catalogue import open_model
    from gyral.models.model import CARD_LAYERS, Reduction, choose_layers
    from gyral.retrieval.retrieve import retrieve as run
    from gyral.retrieval.segments import segments_of
    from gyral.retrieval.training import Decoder

    draws = open_model(model, device=device)
    if len(draws) != 1:
        raise UserError(
            f"{model!r} stands for {len(draws)} models.", mend="Take one at a time.", code="many-models"
        )
    (opened,) = draws
    wanted = choose_layers(
        opened.layers(), layers or opened.card.layers, where="--layers" if layers else CARD_LAYERS
    )
    with reporting("none" if quiet else "bar") as report:
        dataset = open_dataset(found.dataset, progress=report)
        segments_of(dataset)  # before the model is run
        require_modality(opened.card, dataset.stimuli)
        stimuli = dataset.stimuli.in_context() if found.context == "group" else dataset.stimuli
        reduction = Reduction(found.grid, channels=found.channels)
        features = extract(opened, stimuli, wanted, reduction=reduction, progress=report)
        made = run(
            features,
            dataset,
            decoders=tuple(dict.fromkeys(decoders)) or ("ridge", "contrastive"),
            decoder=Decoder(epochs=epochs),
            device=device,
            seed=seed,
            progress=report,
        )
    rows = made.rows(seed)
    _print(opened.card.name, found.id, dataset.about.simulated, made, rows)
    if file is not None:
        told = {
            "model": opened.card.name,
            "model_hash": opened.hash,
            "benchmark": found.id,
            "seed": seed,
            "rows": rows,
        }
        told |= {"dataset_hash": dataset.content_hash, "layers": made.layers, "simulated": dataset.about.simulated}
        write(file, json.dumps(told, indent=1) + "\n")


def _print(model: str, benchmark: str, simulated: bool, made: "Retrieval", rows: list[dict[str, Any]]) -> None:
    click.echo(f"{model} on {benchmark}{' (simulated)' if simulated else ''}")
    click.echo(
        f"{'decoder':<12} {'windows of':<10} {'top-1':>6} {'top-5':>6} {'top-10':>6}  95 % interval  chance  relative rank"
    )
    for row in rows:
        tops = " ".join(f"{row[f'top{k}']:6.3f}" for k in (1, 5, 10))
        interval = f"{row['top10_low']:.3f} .. {row['top10_high']:.3f}"
        click.echo(
            f"{row['decoder']:<12} {row['subject']:<10} {tops}  {interval:<13} {row['chance10']:7.3f}  {row['relative_rank']:.3f}"
        )
    click.echo(
        f"interval and chance: of top-10, over held-out stimuli; {rows[0]['candidates']:.0f} candidates a fold; relative rank: "
        "median, .5 by chance; all: windows of a stimulus averaged over subjects, single: each by itself"
    )
    click.echo(f"layers, fold by fold: {', '.join(made.layers)}")
