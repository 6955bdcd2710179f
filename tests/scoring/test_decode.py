"""What responses decode, as a property of a dataset; the real ones reach what is published."""

import pytest

from gyral.datasets.catalogue import open_dataset
from gyral.decode import can_decode, decode_dataset
from gyral.decoding.category import Rate
from gyral.decoding.report import Number
from gyral.errors import BadDataset, UnknownName
from gyral.scores.confidence import t_interval


@pytest.mark.parametrize(
    ("low", "high", "ends"),
    [(0.9, 1.08, (0.9, 1.0)), (-0.2, 0.3, (0.0, 0.3)), (1.0, 1.0, (None, None)), (0.4, 0.6, (0.4, 0.6))],
)
def test_interval_of_a_share_ends_where_shares_do_and_is_none_where_runs_do_not_differ(low, high, ends):
    interval = t_interval("conditional", (low + high) / 2, (high - low) / 2 / 2.200985, df=11, groups=12)
    found = Number.of(Rate(interval, 0.5, 0.01))
    assert (found.low, found.high) == pytest.approx(ends, abs=1e-6)


@pytest.mark.data
def test_haxby_decodes_as_published():
    dataset = open_dataset("haxby2001")
    report = decode_dataset(dataset, regions=["bright"], permutations=20)
    lda, svc, centroid = report.results
    assert (round(lda.accuracy.value, 2), round(svc.accuracy.value, 2), round(centroid.accuracy.value, 2)) == (
        0.84,
        0.7,
        0.51,
    )
    assert lda.accuracy.chance == pytest.approx(0.125)
    assert lda.accuracy.p == svc.accuracy.p == centroid.accuracy.p == pytest.approx(1 / 21)
    face, house = report.classes.index("face"), report.classes.index("house")
    assert lda.pairs[face][house] == lda.pairs[house][face] == 1.0
    assert lda.pairs[face][face] is None
    assert svc.pairwise is None
    again = decode_dataset(dataset, regions=["bright"], permutations=20)
    assert again == report


@pytest.mark.data
def test_n170_tells_faces_from_houses_in_each_person_and_behind_not_in_front():
    report = decode_dataset(open_dataset("n170"), classifiers=["lda"], permutations=0)
    found = {(r.person, r.region): r for r in report.results}
    for person in ("sub-01", "sub-02", "sub-03"):
        assert 0.6 < found[person, "temporal"].pairwise_auc.value < 0.75
        assert found[person, "frontal"].pairwise_auc.value < 0.57
        assert len(found[person, "temporal"].curve.auc) == len(found[person, "temporal"].curve.times)
    assert found["sub-02", "temporal"].accuracy.low is None  # two runs
    assert found["all", "temporal"].accuracy.p is None
    assert any("sub-11" in why for why in report.left_out)


@pytest.mark.data
def test_datasets_without_runs_labels_or_responses_are_refused_by_name():
    with pytest.raises(BadDataset, match="only RDMs") as caught:
        decode_dataset(open_dataset("kriegeskorte2008"))
    assert caught.value.code == "no-responses"
    with pytest.raises(BadDataset, match="held? runs out|holds runs out") as caught:
        decode_dataset(open_dataset("tuckute2024"))
    assert caught.value.code == "no-groups"
    haxby = open_dataset("haxby2001")
    with pytest.raises(BadDataset, match=r"no column 'kind'; they have \['category'\]") as caught:
        decode_dataset(haxby, labels="kind")
    assert caught.value.code == "no-labels"
    with pytest.raises(UnknownName, match="'bright'"):
        decode_dataset(haxby, regions=["brigth"])
    with pytest.raises(UnknownName, match="'lda'"):
        decode_dataset(haxby, classifiers=["ldaa"], permutations=0)
    assert can_decode(haxby)
    assert not can_decode(open_dataset("tuckute2024"))


@pytest.mark.data
def test_the_command_prints_chance_beside_every_number(tmp_path):
    from click.testing import CliRunner

    from gyral.cli.decode import decode

    file = tmp_path / "report.json"
    options = [
        "--region",
        "bright",
        "--classifier",
        "centroid",
        "--permutations",
        "5",
        "--quiet",
        "--json",
        str(file),
    ]
    done = CliRunner().invoke(decode, ["haxby2001", *options])
    assert done.exit_code == 0, done.output
    assert "0.125" in done.output
    assert "Pairs in bright by centroid" in done.output
    assert '"classifier": "centroid"' in file.read_text()
