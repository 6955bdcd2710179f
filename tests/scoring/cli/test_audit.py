"""``gyral audit``: the report printed, written, kept; exit status 1 where a canary refuses."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gyral.audit import Audit, audit, audit_pack, split_of
from gyral.canaries.battery import CANARIES
from gyral.canaries.noise import autoregressive
from gyral.cli.audit import open_named
from gyral.cli.main import main
from gyral.datasets.dataset import Dataset
from gyral.datasets.pack import write_pack
from gyral.errors import BadDataset
from planted_leaks import BENCHMARK, told
from planted_subjects import dataset_of, planted_subjects


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(list(arguments))
    return int(left.value.code or 0), *capsys.readouterr()


def sound() -> Dataset:
    return told(np.random.default_rng(0).normal(size=(60, 3)))


def leaky() -> Dataset:
    """Runs that go on as they ended, cut by contiguous folds: a run stands on both sides."""
    drift = autoregressive(60, 3, np.random.default_rng(0), None, 0.9)
    return told(drift, groups=[f"run-{i // 11}" for i in range(60)], split_kind="contiguous")


def pack(dataset: Dataset, folder: Path) -> Path:
    write_pack(replace(dataset, extra={"benchmark": BENCHMARK}), folder)
    return folder


def test_report_of_a_sound_pack(capsys: pytest.CaptureFixture[str], tmp_path: Path, cold_cache: Path) -> None:
    folder = pack(sound(), tmp_path / "told")
    status, out, err = run(capsys, "audit", str(folder), "--quiet", "--json", str(tmp_path / "report.json"))
    assert (status, err) == (0, "")
    assert "60 stimuli, 3 units, 1 subject; split contiguous-5" in out
    assert "No canary refuses this split." in out and "Nothing bounds these responses" in out
    report = Audit.model_validate(json.loads((tmp_path / "report.json").read_text()))
    assert [f.canary for f in report.findings] == list(CANARIES)
    assert report.declared and report.verdict == "pass"
    # Kept: a second report is the first, without a fit.
    (kept,) = (cold_cache / "audits").glob("*/audit.json")
    assert Audit.model_validate_json(kept.read_text()) == report
    assert audit_pack(folder) == report


def test_leaky_pack_is_refused_at_every_door(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, home: Path
) -> None:
    folder = pack(leaky(), tmp_path / "told")
    status, out, _ = run(capsys, "audit", str(folder), "--quiet")
    assert status == 1 and "for a board" in out and "run-1" in out
    status, out, _ = run(capsys, "check", str(folder))
    assert status == 1 and "[canary-groups]" in out and "grouped" in out
    status, _, err = run(capsys, "data", "install", str(folder), "--quiet")
    assert status == 1 and "canary 'groups' refuses split 'contiguous-5'" in err and "gyral audit" in err
    assert not (home / "packs").exists()


def test_folder_named_like_a_dataset_does_not_stand_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pack(sound(), tmp_path / "sim-language")
    monkeypatch.chdir(tmp_path)
    assert open_named("sim-language").about.name == "sim-language"
    assert "for the folder here write ./sim-language" in capsys.readouterr().err
    assert open_named("./sim-language").about.name == "told"
    assert not capsys.readouterr().err
    for target in ("sim-language", "./sim-language"):
        status, out, err = run(capsys, "data", "check", target, "--files", "--quiet")
        assert (status, out) == (0, "")
        assert ("write ./sim-language" in err) == (target == "sim-language")
    status, out, _ = run(capsys, "data", "check", "./sim-language", "--files")
    told = int(out.split()[1])
    status, out, _ = run(capsys, "data", "check", "sim-language", "--files")
    assert int(out.split()[1]) != told


def test_heads_name_what_a_region_has_several_of(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rdms = {
        "task": "rsa",
        "metric": "rsa-spearman",
        "readout": "none",
        "ceiling": "rdm-bounds",
        "rdm": "correlation",
    }
    for counted, asked in (("units", {"ceiling": "ncsnr"}), ("subjects", rdms)):
        folder = tmp_path / counted
        write_pack(dataset_of(planted_subjects(subjects=3), extra={"benchmark": BENCHMARK | asked}), folder)
        out = run(capsys, "audit", str(folder), "--quiet")[1]
        assert re.search(rf"in +(quartiles of units|lower bound) +{counted} +left out", out), out


def test_benchmark_without_a_ceiling_says_so_of_its_metric(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "told"
    write_pack(dataset_of(planted_subjects(subjects=1, rows=60), extra={"benchmark": BENCHMARK}), folder)
    out = run(capsys, "audit", str(folder), "--quiet")[1]
    assert "Nothing bounds this metric" in out and "The data have repeats" in out
    assert "Nothing bounds these responses" not in out


def test_shuffle_is_for_an_audit_only(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = pack(leaky(), tmp_path / "told")
    status, out, _ = run(capsys, "audit", str(folder), "--split", "shuffled", "--folds", "4", "--quiet")
    assert status == 1 and "split shuffled-4 (not the declared one: for an audit only)" in out


def test_splits_by_name() -> None:
    data = leaky()
    assert split_of(data).name == "contiguous-5"
    assert split_of(data, "contiguous", folds=4, gap=2).name == "contiguous-4-gap-2"
    assert split_of(data, "grouped", folds=3).groups is not None
    shuffled = split_of(data, "shuffled")
    assert shuffled.audit and shuffled.ordered
    with pytest.raises(BadDataset, match="needs a group for every stimulus"):
        split_of(sound(), "grouped")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sim-languag"], "Did you mean 'sim-language'"),
        (["sim-language", "--split", "random"], "'random' is not one of"),
        (["sim-language", "--gap", "3"], "--gap goes with --split contiguous"),
        (["sim-language", "--folds", "3"], "--folds goes with"),
        (["sim-vision", "--split", "grouped"], "needs a group for every stimulus"),
    ],
)
def test_misuse_is_said(capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    status, _, err = run(capsys, "audit", *arguments, "--quiet")
    assert status in (1, 2) and says in err


def test_a_pack_is_asked_by_its_own_benchmark(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    similar = {**BENCHMARK, "task": "rsa", "metric": "rsa-cosine", "readout": "none", "ceiling": "rdm-bounds"}
    write_pack(replace(sound(), extra={"benchmark": similar}), tmp_path / "unsaid")
    status, _, err = run(capsys, "audit", str(tmp_path / "unsaid"), "--quiet")
    assert status == 1 and "Set rdm in [benchmark], one of correlation, cosine" in err
    write_pack(replace(sound(), extra={"benchmark": similar | {"rdm": "cosine"}}), tmp_path / "said")
    assert run(capsys, "audit", str(tmp_path / "said"), "--quiet")[0] == 0


def test_benchmarks_of_one_dataset_share_its_canaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GYRAL_CACHE", str(tmp_path))
    ran = []
    monkeypatch.setattr("gyral.audit.run_canaries", lambda *args, **options: ran.append(args) or ())
    from gyral.datasets.catalogue import open_dataset

    dataset = open_dataset("sim-language")
    kinds = [audit(dataset, ceiling=kind).ceilings[0].kind for kind in ("ncsnr", "split-half")]
    rdms = audit(dataset, ceiling="rdm-bounds", rdm="euclidean").ceilings[0]
    assert kinds == ["ncsnr", "split-half"] and (rdms.kind, rdms.units) == ("rdm-bounds", 3)
    assert len(ran) == 1


def test_ceilings_are_those_of_the_units(monkeypatch: pytest.MonkeyPatch) -> None:
    from gyral.datasets.catalogue import open_dataset
    from gyral.scores.bound import region_bounds
    from gyral.scores.problem import problem_of

    monkeypatch.setattr("gyral.audit.run_canaries", lambda *args, **options: ())
    dataset = replace(open_dataset("sim-language"), content_hash="")  # so that this report is not kept
    report = audit(dataset, ceiling="ncsnr")
    problem = problem_of(dataset, "ncsnr")
    ceiling = problem.ceiling
    assert ceiling is not None
    for region, row in zip(dataset.regions, report.ceilings, strict=True):
        values = ceiling.value()[region.units]
        assert row.median == pytest.approx(float(np.nanmedian(values)))
        bound = region_bounds(problem, region.units, problem.members(region))[0]
        assert (row.value, row.low, row.high) == pytest.approx((bound.value, bound.low, bound.high))
        assert bound.low < bound.value < bound.high
        assert row.lower_quartile == pytest.approx(float(np.nanquantile(values, 0.25)))
        assert (row.units, row.kind, row.unit) == (len(region), "ncsnr", "r2")
        perfect = ceiling.of(region.units).ceiled(np.ones((5, len(region))), np.full(5, 10))
        assert row.left_out == int(np.isnan(perfect).sum())
