"""The bundled benchmarks. A change of data, split, metric or readout default is a new version."""

from gyral.benchmarks.benchmark import Benchmark
from gyral.errors import UnknownName

BUNDLED: tuple[Benchmark, ...] = (
    Benchmark(
        name="cowley2023-v4",
        version=1,
        title="Macaque V4, 640 images",
        modality="vision",
        dataset="cowley2023-v4",
        task="encoding",
        metric="pearson",
        readout="ridge",
        ceiling="ncsnr",
        main_region="V4",
        summary="50 V4 neurons of one macaque, 640 images of objects on backgrounds, up to ten repeats",
    ),
    Benchmark(
        name="cowley2023-v4-2way",
        version=1,
        title="Macaque V4, which of two images",
        modality="vision",
        dataset="cowley2023-v4",
        task="encoding",
        metric="identification-2way",
        readout="ridge",
        ceiling="none",
        main_region="V4",
        summary="which of two held-out images 50 V4 neurons of one macaque saw, told by responses predicted from features; chance .5",
    ),
    Benchmark(
        name="cowley2023-v4-rsa",
        version=1,
        title="Macaque V4, dissimilarities of 640 images",
        modality="vision",
        dataset="cowley2023-v4",
        task="rsa",
        metric="rsa-pearson",
        readout="none",
        ceiling="rdm-bounds",
        main_region="V4",
        summary="which of 640 images 50 V4 neurons of one macaque answer alike: correlation distances between their patterns",
        rdm="correlation",
    ),
    Benchmark(
        name="kriegeskorte2008",
        version=1,
        title="92 objects, inferior temporal cortex",
        modality="vision",
        dataset="kriegeskorte2008",
        task="rsa",
        metric="rsa-spearman",
        readout="none",
        ceiling="rdm-bounds",
        main_region="human_IT",
        summary="RDMs of human and monkey IT and of similarity judgements for 92 object images",
    ),
    Benchmark(
        name="sim-vision",
        version=1,
        title="Simulated visual cortex",
        modality="vision",
        dataset="sim-vision",
        task="encoding",
        metric="pearson",
        readout="ridge",
        ceiling="ncsnr",
        main_region="sim_V4",
        summary="simulated: units with known truth on made images, three subjects with repeats",
        simulated=True,
        holdout=True,
    ),
    Benchmark(
        name="tuckute2024",
        version=1,
        title="Language network, 1,000 sentences",
        modality="language",
        dataset="tuckute2024",
        task="encoding",
        metric="pearson",
        readout="ridge",
        ceiling="published",
        main_region="lang_LH_netw",
        summary="five left-hemisphere language regions and their mean, 1,000 six-word sentences read by five people",
    ),
    Benchmark(
        name="alice",
        version=1,
        title="Alice in Wonderland, 27 listeners",
        modality="language",
        dataset="alice",
        task="encoding",
        metric="pearson",
        readout="ridge",
        ceiling="loso",
        main_region="LPTL",
        summary="six language regions of 27 people who hear 2,127 words of a story; words in time, in context",
        context="group",
    ),
    Benchmark(
        name="alice-group",
        version=1,
        title="Alice in Wonderland, mean of 27 listeners",
        modality="language",
        dataset="alice-group",
        task="encoding",
        metric="pearson",
        readout="ridge",
        ceiling="split-half",
        main_region="LPTL",
        summary="the mean over 27 listeners of a story; ceiling from halves of the listeners",
        context="group",
    ),
    Benchmark(
        name="things2020",
        version=1,
        title="THINGS, odd one out",
        modality="language",
        dataset="things2020",
        task="triplets",
        metric="triplet-cosine",
        readout="none",
        ceiling="none",
        main_region="judgements",
        summary="20,000 choices of the odd one of three objects by 325 people, 1,000 triplets; models see the names of objects",
    ),
    Benchmark(
        name="sim-language",
        version=1,
        title="Simulated language cortex",
        modality="language",
        dataset="sim-language",
        task="encoding",
        metric="pearson",
        readout="ridge",
        ceiling="ncsnr",
        main_region="sim_context",
        summary="simulated: units that carry words or context of made sentences, three subjects with repeats",
        simulated=True,
        holdout=True,
    ),
    Benchmark(
        name="sim-meg",
        version=1,
        title="Simulated MEG",
        modality="vision",
        dataset="sim-meg",
        task="encoding",
        metric="pearson",
        readout="ridge",
        ceiling="ncsnr",
        main_region="occipital",
        summary="simulated: magnetometers x times with planted latencies on made images, three subjects with repeats",
        simulated=True,
    ),
    Benchmark(
        name="sim-meg-rsa",
        version=1,
        title="Simulated MEG, dissimilarities over time",
        modality="vision",
        dataset="sim-meg",
        task="rsa",
        metric="rsa-pearson",
        readout="none",
        ceiling="rdm-bounds",
        main_region="occipital",
        summary="simulated: RDMs over magnetometers at every time, planted latencies, three subjects",
        simulated=True,
        rdm="correlation",
    ),
    Benchmark(
        name="sim-eeg",
        version=1,
        title="Simulated EEG",
        modality="language",
        dataset="sim-eeg",
        task="encoding",
        metric="pearson",
        readout="ridge",
        ceiling="ncsnr",
        main_region="central",
        summary="simulated: electrodes x times with planted latencies on made sentences, three subjects with repeats",
        simulated=True,
    ),
)


def find_benchmark(reference: str, known: tuple[Benchmark, ...] = BUNDLED) -> Benchmark:
    """The benchmark called ``NAME`` (newest version) or ``NAME@VERSION``.

    Raises
    ------
    UnknownName
        No such name or version (``unknown-benchmark``); the nearest ones are suggested.

    Examples
    --------
    >>> find_benchmark("tuckute2024").id
    'tuckute2024@1'
    """
    name, _, version = reference.partition("@")
    matching = [b for b in known if b.name == name and version in ("", str(b.version))]
    if not matching:
        unknown = UnknownName("benchmark", reference, [b.name for b in known] + [b.id for b in known])
        unknown.code = "unknown-benchmark"  # not a submitter's fault, where other names may be
        raise unknown
    return max(matching, key=lambda b: b.version)
