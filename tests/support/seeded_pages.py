"""Every page of the site, by the names of its addresses, and what must be in the database for each to have something on it.

A new address belongs into `PAGES`, or into `NOT_PAGES` with the reason; tests/platform/test_seeded_pages.py compares both with
the addresses of the site.
"""

from pathlib import Path
from typing import NamedTuple

from visitor import PASSWORD

SUPPORT = Path(__file__).resolve().parent
SEED = f"""
import sys; sys.path.insert(0, {str(SUPPORT)!r})
from board_rows import *
from whole_record import TITLED, decoded_dataset, tell_all
from planted_subjects import dataset_of, install
from django.contrib.auth.models import User
from gyral_portal.leaderboard.models import Person, SavedView, Suite
from gyral_submissions.domain.preview import preview_packs
ada = User.objects.create_user("ada", "ada@example.org", {PASSWORD!r})
User.objects.create_user("eve", "eve@example.org", {PASSWORD!r}, is_staff=True)
board = make_benchmark("seeded", title="Seeded cortex")
for n in range(3):
    make_scored(f"net{{n}}", board, {{"V1": .3 + n / 50, "V4": .5 - n / 10}}, {{"V1": .2, "V4": .3}}, title=f"Network {{n}}")
make_scored("pixels", board, {{"V1": -.1, "V4": None}}, has_twin=False)
mine = make_scored("mine", board, {{"V1": .2, "V4": .3}}, owner=ada, visibility="private")
core = [{{"benchmark": "seeded@0", "weight": 1.0}}, {{"benchmark": "sim-vision@1", "weight": 0.0}}]
Suite.objects.create(name="core", version=1, title="Core", summary="two boards", modality="vision", members=core)
steps = [{{"step": "features", "done": 3, "total": 4, "seconds": 9}}]
active = make_run(mine, make_benchmark("second"), state="running", step="features", steps=steps, remaining_seconds=3.0)
failed = make_run(mine, make_benchmark("third"), state="failed", fault="submitter", fault_code="x", fault_text="y.")
Person.objects.create(owner=ada, handle="ada-l", name="Ada L.", affiliation="A laboratory", url="https://example.org")
rows = [{{"region": "V4", "value": .4, "low": .3, "high": .5, "n_units": 50, "n_samples": 640}}]
tried = make_run(mine, board, state="finished", dry=True, record={{"rows": rows}})
board.runs.filter(dry=False).update(multiply_adds=4_000_000)
view = SavedView.objects.create(owner=ada, title="A view", reference="seeded@0", query="sort=V1")
decoded_dataset("alone")
whole = tell_all(make_scored("whole", make_benchmark("told", regions=tuple(TITLED)), dict.fromkeys(TITLED, .3)).runs.get())
draw = np.random.default_rng(0)
signal = draw.normal(size=(60, 1, 4))
pack = install(dataset_of({{s: signal + draw.normal(size=(60, 3, 4)) for s in ("s1", "s2")}}), "ncsnr")
list(preview_packs())
for key, value in dict(mine=mine.pk, finished=mine.runs.get(state="finished", dry=False).pk, active=active.pk,
                       failed=failed.pk, tried=tried.pk, view=view.pk, whole=whole.pk, pack=pack).items():
    print(f"{{key}}={{value}}")
"""


class Page(NamedTuple):
    """Addresses of one name, and who looks at them."""

    addresses: tuple[str, ...]
    viewer: str = "ada"


def seen(*addresses: str, viewer: str = "ada") -> Page:
    """What a viewer looks at."""
    return Page(addresses, viewer)


PAGES: dict[str, Page] = {
    "leaderboard:front": seen("/"),
    "leaderboard:boards": seen("/boards/"),
    "leaderboard:board": seen(
        "/boards/seeded@0/",
        "/boards/seeded@0/?q=nothing",
        "/boards/seeded@0/?on=2026-01-01",
        "/boards/sim-vision/",
        "/boards/all/",
        "/boards/all/?pick=1&mean=1",
        "/boards/all/?open=",
        "/boards/all/?sort=nothing&weights=seeded@0/V4:1,seeded@0/V1:x",
    ),
    "leaderboard:compare": seen(
        "/boards/seeded@0/compare/?model=net0&model=net1&model=net2&model=mine",
        "/boards/all/compare/?model=net0&model=nothing",
    ),
    "leaderboard:agreement": seen("/boards/seeded@0/agreement/", "/boards/all/agreement/"),
    "leaderboard:scatter": seen(
        "/boards/seeded@0/scatter/",
        "/boards/seeded@0/scatter/?x=compute",
        "/boards/all/scatter/?x=seeded@0/V1&y=seeded@0/V4",
    ),
    "leaderboard:saved-views": seen("/views/"),
    "leaderboard:saved-view": seen("/views/{view}/"),
    "leaderboard:benchmarks": seen("/benchmarks/"),
    "leaderboard:benchmark": seen("/benchmarks/seeded@0/", "/benchmarks/sim-vision/", "/benchmarks/sim-language/"),
    "leaderboard:suites": seen("/suites/"),
    "leaderboard:suite": seen("/suites/core/"),
    "leaderboard:datasets": seen("/datasets/"),
    "leaderboard:dataset": seen("/datasets/alone/"),
    "leaderboard:previews": seen("/previews/", viewer="eve"),
    "leaderboard:preview": seen("/previews/{pack}/", viewer="eve"),
    "leaderboard:models": seen("/models/"),
    "leaderboard:model": seen("/models/net0/"),
    "leaderboard:model-version": seen("/models/net0/v1/"),
    "leaderboard:record": seen("/records/{finished}/", "/records/{whole}/"),
    "leaderboard:people": seen("/people/"),
    "leaderboard:person": seen("/people/ada-l/"),
    "leaderboard:own-person": seen("/account/person/"),
    "leaderboard:reading": seen("/reading/"),
    "portal:submit": seen("/submit/", "/submit/?of={mine}"),
    "portal:submissions": seen("/submissions/"),
    "portal:submission": seen("/submissions/{mine}/"),
    "portal:run": seen("/runs/{finished}/", "/runs/{active}/", "/runs/{failed}/", "/runs/{tried}/"),
    "portal:faults": seen("/faults/"),
    "portal:fault": seen("/faults/card-key/"),
    "accounts:account": seen("/account/"),
    "accounts:tokens": seen("/account/tokens/"),
    "operations": seen("/api/"),
    "account_login": seen("/accounts/login/", viewer=""),
    "account_signup": seen("/accounts/signup/", viewer=""),
    "account_reset_password": seen("/accounts/password/reset/", viewer=""),
    "account_reset_password_done": seen("/accounts/password/reset/done/", viewer=""),
    "account_reset_password_from_key": seen("/accounts/password/reset/key/1-wrong/", viewer=""),
    "account_reset_password_from_key_done": seen("/accounts/password/reset/key/done/", viewer=""),
    "account_email_verification_sent": seen("/accounts/confirm-email/", viewer=""),
    "account_confirm_email": seen("/accounts/confirm-email/wrong/", viewer=""),
    "account_inactive": seen("/accounts/inactive/", viewer=""),
    "account_logout": seen("/accounts/logout/"),
    "account_email": seen("/accounts/email/"),
    "account_change_password": seen("/accounts/password/change/"),
    "account_reauthenticate": seen("/accounts/reauthenticate/"),
    "mfa_index": seen("/accounts/2fa/"),
    "mfa_activate_totp": seen("/accounts/2fa/totp/activate/"),
    "mfa_reauthenticate": seen("/accounts/2fa/reauthenticate/"),
}
# Of no address at all.
LOST = "/nothing/"

_FILE, _FORM = "a file", "where a form is sent to"
_MORE = "only with a second factor, or in the middle of logging in by a code"
NOT_PAGES: dict[str, str] = {
    **{
        f"leaderboard:{name}": _FILE
        for name in ("export", "scatter-file", "stimulus", "surface", "download", "badge")
    },
    **{
        f"leaderboard:{name}": _FILE for name in ("benchmark-brain", "record-brain", "record-rdms", "card", "feed")
    },
    **{f"leaderboard:{name}": _FILE for name in ("benchmark-bib", "model-bib", "suite-bib", "benchmark-card")},
    **{f"leaderboard:{name}": _FILE for name in ("model-card", "benchmark-feed", "model-feed")},
    **{f"leaderboard:{name}": _FORM for name in ("save-view", "delete-view")},
    **{
        f"portal:{name}": _FORM
        for name in ("upload-begin", "upload-piece", "upload-discard", "visibility", "withdraw")
    },
    **{
        f"portal:{name}": _FORM
        for name in ("delete", "notices-read", "score", "dry-run", "run-cancel", "run-retry")
    },
    "portal:run-live": "the part of a run's page that is asked for again",
    "portal:run-log": "plain text",
    **{f"accounts:{name}": _FORM for name in ("mail", "revoke")},
    **dict.fromkeys(("health", "health-ready", "metrics"), "for machines"),
    "account_set_password": "only for accounts without one, which come from ORCID and GitHub",
    "account_confirm_login_code": _MORE,
    "mfa_authenticate": _MORE,
    "mfa_deactivate_totp": _MORE,
    "mfa_view_recovery_codes": _MORE,
    "mfa_generate_recovery_codes": _MORE,
    "mfa_download_recovery_codes": _FILE,
}
