"""Forms: a model with its card, and the choice of benchmarks."""

import re
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from pydantic import ValidationError as CardError

from gyral.errors import UserError, complaint, sentence
from gyral.models.card import A_MODEL, ModelCard
from gyral_portal.portal.again import filled, with_carried
from gyral_portal.portal.fault_pages import page_of
from gyral_portal.portal.fields import Numbers, Words
from gyral_portal.templatetags.gyral import code_spans
from gyral_submissions import conf, rules
from gyral_submissions.domain import dry_run, exposure
from gyral_submissions.domain.payload import HEAD, require_fit
from gyral_submissions.domain.quota import quota_of
from gyral_submissions.enums import Format, Visibility
from gyral_submissions.models import Benchmark, Submission

FORMATS = [
    (Format.ONNX, "ONNX: one .onnx file, or a zip of it and its gyral.toml"),
    (Format.SAFETENSORS, "safetensors: a zip with model.safetensors, config.json and, for text, tokenizer.json"),
    (Format.FEATURES, "features: a zip with features.toml, ids.csv and one .npy a layer (self-reported)"),
]
# Where a fault of the card belongs on the form.
_CARD_FIELDS = {
    "sound.rate": "sound_rate",
    "sound.seconds": "sound_seconds",
    "image.size": "image_size",
    "image.crop": "image_crop",
    "image.mean": "image_mean",
    "image.std": "image_std",
    "text.pooling": "text_pooling",
    "text.max_tokens": "text_max_tokens",
}
# How checkers name the layers of a card: "layers", "gyral.toml: layers".
_LAYERS = re.compile(r"(^|\W)layers$")


class BenchmarksForm(forms.Form):
    """Which benchmarks to score on.

    Parameters
    ----------
    owner : User
        Whose quota counts.
    submission : Submission, optional
        Only benchmarks of its modality that it has not been scored on.
    """

    benchmarks = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one benchmark."},
        help_text="Each counts as one evaluation of your daily quota; the untrained twin comes free with it.",
    )

    def __init__(self, *args: Any, owner: User, submission: Submission | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner
        found = Benchmark.objects.filter(retired=False)
        if submission is not None:
            done = submission.runs.filter(dry=False).exclude(state__in=("failed", "cancelled")).values("benchmark")
            found = found.filter(modality=submission.modality).exclude(pk__in=done)
        self.known = {b.identifier: b for b in found}
        choices = [
            (b.identifier, f"{b.title} ({b.modality}{', simulated' if b.simulated else ''})") for b in found
        ]
        field = self.fields["benchmarks"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - declared above
        field.choices = choices

    def clean_benchmarks(self) -> list[Benchmark]:
        """The chosen rows, if the quota covers them and each may answer once more."""
        chosen = [self.known[name] for name in self.cleaned_data["benchmarks"]]
        quota = quota_of(self.owner)
        if len(chosen) > quota.remaining:
            raise ValidationError(
                f"{len(chosen)} benchmarks are chosen, and {quota.remaining} of {quota.limit} evaluations are left "
                f"today. New ones come at {quota.resets:%Y-%m-%d %H:%M} UTC."
            )
        try:
            exposure.require(self.owner, chosen)
        except exposure.ExposureSpent as error:
            raise ValidationError(f"{error.what} {error.mend}", code=error.code) from None
        return chosen


class SubmitForm(BenchmarksForm):
    """A file, its card, and where to score it.

    Parameters
    ----------
    earlier : Submission, optional
        The version that this one comes after: it fills the form in.
    """

    # Not required by Django's own check, because a held file or an archive's card can stand in.
    needed = ("file", "name")

    file = forms.FileField(required=False, label="Model file")
    held = forms.CharField(required=False, widget=forms.HiddenInput)
    upload = forms.CharField(required=False, widget=forms.HiddenInput)
    format = forms.ChoiceField(choices=FORMATS, initial=Format.ONNX, widget=forms.RadioSelect)
    own_card = forms.BooleanField(
        required=False,
        label="The archive holds a card (gyral.toml or features.toml); take that one",
        help_text="The card below is then not needed.",
    )
    name = forms.CharField(
        required=False,
        max_length=64,
        help_text="Identifier on the boards: lower-case letters, digits, dots, dashes, underscores. "
        "The same name again makes a new version. Names are unique across the site: one that somebody else has is refused, "
        "whether you may see their model or not.",
    )
    title = forms.CharField(required=False, max_length=200, help_text="What people read; the name if empty.")
    modality = forms.ChoiceField(
        choices=[
            ("vision", "vision: it sees images"),
            ("language", "language: it reads sentences"),
            ("audio", "audio: it hears sounds"),
        ],
        required=False,
        initial="vision",
        widget=forms.RadioSelect,
    )
    description = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Markdown: emphasis, lists, links; no HTML, no pictures.",
    )
    family = forms.CharField(
        required=False, max_length=80, help_text="Architecture family, for filters: “ResNet”."
    )
    parameters = forms.IntegerField(
        required=False,
        min_value=0,
        label="Trained parameters",
        help_text="How many, for filters and pictures: 25600000.",
    )
    layers = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Layers to read, one pattern a line (block.*); all of them if empty.",
    )
    image_size = forms.IntegerField(required=False, initial=224, label="Image size", help_text="Pixels a side.")
    image_crop = forms.FloatField(
        required=False, initial=0.875, label="Crop", help_text="Share of the shorter side that is kept, 0 to 1."
    )
    image_mean = Numbers(
        required=False, initial=[0.485, 0.456, 0.406], label="Mean", help_text="Red, green, blue."
    )
    image_std = Numbers(required=False, initial=[0.229, 0.224, 0.225], label="Standard deviation")
    text_pooling = forms.ChoiceField(
        initial="mean",
        choices=[("mean", "mean over tokens"), ("last", "last token"), ("cls", "first (class) token")],
        required=False,
        label="Pooling",
        help_text="How tokens become one vector a sentence.",
    )
    text_max_tokens = forms.IntegerField(required=False, initial=128, label="Longest text, tokens")
    sound_rate = forms.IntegerField(
        required=False, initial=16_000, label="Sample rate", help_text="Hz; sounds are brought to it."
    )
    sound_seconds = forms.FloatField(
        required=False,
        initial=2.0,
        label="Seconds",
        help_text="What the model hears of a sound; silence behind shorter ones.",
    )
    licence = forms.CharField(required=False, max_length=200)
    training_datasets = Words(
        required=False,
        label="Trained on",
        help_text="Names of collections, separated by commas: imagenet-1k, coco, wikipedia ... (all of them: "
        "`gyral overlap --list`); none, if it was never trained; other, for what has no name there.",
    )
    training_data = forms.CharField(
        required=False, max_length=500, label="Training data, in words", help_text="Whatever the names do not say."
    )
    paper = forms.CharField(required=False, max_length=500, help_text="DOI or address.")
    visibility = forms.ChoiceField(
        choices=[
            (Visibility.PRIVATE, "private: only you see the model and its scores"),
            (Visibility.UNLISTED, "unlisted: so does whoever has the address of a run"),
            (Visibility.PUBLIC, "public: everybody does"),
        ],
        initial=Visibility.PRIVATE,
        widget=forms.RadioSelect,
    )

    dry_run = forms.BooleanField(
        required=False,
        label="Dry run first",
        help_text="Tries the model on a small simulated benchmark, without its twin and controls. It costs no evaluation, and "
        "you alone see the result. Nothing that is ticked above is scored yet: you choose once it went well.",
    )

    def __init__(self, *args: Any, earlier: Submission | None = None, **kwargs: Any) -> None:
        super().__init__(*args, initial=filled(earlier) if earlier else None, **kwargs)
        self.earlier = earlier
        self.fields["benchmarks"].required = not self.data.get("dry_run")
        if earlier is not None:
            self.fields["name"].widget.attrs["readonly"] = True
            self.fields["name"].help_text = "Under the same name it is a new version of the same model."

    def clean_benchmarks(self) -> list[Benchmark]:
        """None of a dry run, which has a benchmark of its own."""
        return [] if self.data.get("dry_run") else super().clean_benchmarks()

    def clean_file(self) -> Any:
        """The file of this request; the one held from an earlier one is looked for in the view."""
        return self.cleaned_data.get("file")

    def clean(self) -> dict[str, Any]:
        """All faults of the card at once, each beside its field; then what the file needs."""
        data = super().clean() or self.cleaned_data
        sent = data.get("file")
        if not (sent or data.get("held") or data.get("upload") or "file" in self.errors):
            self.add_error("file", "Choose a file.")
        if sent:
            head = sent.read(HEAD)
            sent.seek(0)
            self.check_file(str(sent.name), head)
        if data.get("format") and not rules.may_upload(self.owner, data["format"]):
            self.add_error(
                "format",
                code_spans(
                    "This site does not run models of people it does not know: its sandbox is too weak. "
                    "Send precomputed features, score at home with `gyral score`, or host your own board."
                ),
            )
        if data.get("own_card"):
            name = str(sent.name) if sent else str(self.data.get("upload_name", ""))
            if name.lower().endswith(".onnx"):
                self.add_error("own_card", "An .onnx file carries no card; fill in the one below, or zip both.")
        else:
            self._check_card(data)
        self._check_modality(data)
        if data.get("dry_run"):
            self._check_dry_run(data)
        return data

    def card_fields(self) -> dict[str, object] | None:
        """Fields of the card as the form has them; None where the archive's card is to be taken."""
        return None if self.cleaned_data.get("own_card") else self._card(self.cleaned_data)

    def _card(self, data: dict[str, Any]) -> dict[str, object]:
        card = _card_of(data)
        return with_carried(card, self.earlier) if self.earlier else card

    def check_file(self, name: str, head: bytes) -> None:
        """What is wrong with the file at first sight, so that it is told together with faults of the card."""
        format_ = self.cleaned_data.get("format")
        if format_ and "file" not in self.errors:
            try:
                require_fit(head, Format(format_), name)
            except UserError as error:
                self.add_user_error(error)

    def add_user_error(self, error: UserError) -> None:
        """Put an error of the intake beside the field it is about."""
        where = error.where or ""
        named = where if where in self.fields else None
        if _LAYERS.search(where) and not self.cleaned_data.get("own_card"):
            named = "layers"
        text = f"{error.what} {error.mend or ''}".strip() if named else str(error)
        if named or not where:  # a text that begins with a file's name keeps its letters
            text = text[:1].upper() + text[1:]
        page = page_of(error.code)
        more = format_html(' <a href="{}">What this means</a>', page) if page else ""
        self.add_error(
            named or "file", ValidationError(format_html("{}{}", code_spans(text), more), code=error.code)
        )

    def _check_card(self, data: dict[str, Any]) -> None:
        try:
            ModelCard.model_validate(self._card(data))
        except CardError as error:
            for fault in error.errors():
                place = [str(part) for part in fault["loc"]]
                field = _CARD_FIELDS.get(".".join(place[:2]), place[0])
                message = (
                    "Lower-case letters, digits, dots, dashes and underscores, starting with a letter or digit."
                )
                if field != "name":
                    said = complaint(fault)
                    message = sentence(f"{said[:1].upper()}{said[1:]}")
                elif not data.get("name"):
                    message = "Give the model a name, or say above that the archive holds a card."
                self.add_error(field if field in self.fields else None, message)

    def _check_dry_run(self, data: dict[str, Any]) -> None:
        quota = quota_of(self.owner)
        if not quota.dry_remaining:
            self.add_error("dry_run", f"Your {quota.dry_limit} dry runs of today are spent.")
        # An archive's own card is read later.
        if data.get("format") and data.get("modality") and not data.get("own_card"):
            try:
                dry_run.require(data["format"], data["modality"])
            except UserError as error:
                self.add_user_error(error)

    def _check_modality(self, data: dict[str, Any]) -> None:
        wrong = [b.title for b in data.get("benchmarks") or [] if b.modality != data.get("modality")]
        if wrong and data.get("modality") and not data.get("own_card"):
            self.add_error(
                "benchmarks", f"{A_MODEL[data['modality']].capitalize()} cannot be scored on: {', '.join(wrong)}."
            )


def upload_limit() -> int:
    """Largest file this site takes, bytes."""
    return conf.UPLOAD_BYTES()


def _card_of(data: dict[str, Any]) -> dict[str, object]:
    """A card of the form's fields; empty ones are left to the card's own defaults."""
    image = {k: data.get(f"image_{k}") for k in ("size", "crop", "mean", "std")}
    text = {k: data.get(f"text_{k}") for k in ("pooling", "max_tokens")}
    sound = {k: data.get(f"sound_{k}") for k in ("rate", "seconds")}
    plain = ("title", "description", "family", "licence", "training_data", "paper")
    card: dict[str, object] = {"name": data.get("name") or "", "modality": data.get("modality")}
    card |= {k: data[k] for k in plain if data.get(k)}
    if data.get("parameters") is not None:
        card["parameters"] = data["parameters"]
    card["training_datasets"] = data.get("training_datasets") or []
    card["layers"] = [line.strip() for line in (data.get("layers") or "").splitlines() if line.strip()]
    if data.get("modality") == "vision":
        card["image"] = {k: v for k, v in image.items() if v is not None}
    elif data.get("modality") == "audio":
        card["sound"] = {k: v for k, v in sound.items() if v is not None}
    else:
        card["text"] = {k: v for k, v in text.items() if v}
    return card
