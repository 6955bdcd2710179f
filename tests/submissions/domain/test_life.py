"""A submission's life after intake: who sees it, deletion, moderation, notices, closing, re-scoring."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core import mail
from django.db import connection
from django.utils import timezone

from gyral_submissions import conf, rules
from gyral_submissions.domain import attempt, audit, fault, log, notice, rescoring, run
from gyral_submissions.domain import submission as verbs
from gyral_submissions.domain.announcement import Closed, announced
from gyral_submissions.domain.intake import _next_version
from gyral_submissions.domain.queries.visible import visible_runs, visible_submissions
from gyral_submissions.domain.quota import QuotaExceeded, quota_of
from gyral_submissions.enums import Format, State, Twin, Visibility
from gyral_submissions.models import Announcement, AuditEntry, Benchmark, Charge, Exposure, Notice, Run, Submission

pytestmark = pytest.mark.django_db(transaction=True)


def fail(found: Run, by: Callable[..., fault.Fault] = fault.submitters) -> None:
    assert attempt.start(found.pk, found.attempt, "w") is not None
    assert attempt.fail(found.pk, found.attempt, by("onnx-shape", "It breaks."))


@pytest.mark.parametrize(
    ("visibility", "stranger_sees", "listed"),
    [(Visibility.PRIVATE, False, False), (Visibility.UNLISTED, True, False), (Visibility.PUBLIC, True, True)],
)
def test_visibility_decides_who_sees_and_what_is_listed(
    submission: Submission, benchmark_row: Benchmark, visibility: Visibility, stranger_sees: bool, listed: bool
) -> None:
    Run.objects.create(submission=submission, benchmark=benchmark_row, readout="ridge", state=State.FINISHED)
    verbs.set_visibility(submission, visibility, by=submission.owner)
    assert rules.may_be_seen(submission, AnonymousUser()) is stranger_sees
    assert visible_submissions().filter(pk=submission.pk).exists() is listed
    assert visible_runs().exists() is listed
    assert visible_submissions(submission.owner).filter(pk=submission.pk).exists()
    # A board's edition tells of public changes alone; the submission was public before.
    assert AuditEntry.objects.count() == (0 if visibility == Visibility.PUBLIC else 1)


def test_unlisted_changes_move_no_board(submission: Submission, benchmark_row: Benchmark) -> None:
    Run.objects.create(submission=submission, benchmark=benchmark_row, readout="ridge", state=State.FINISHED)
    verbs.set_visibility(submission, Visibility.PRIVATE)
    before = Benchmark.objects.get().edition
    verbs.set_visibility(submission, Visibility.UNLISTED)
    verbs.set_visibility(submission, Visibility.PRIVATE)
    assert Benchmark.objects.get().edition == before


def test_deleting_leaves_a_name_and_nothing_else(
    submission: Submission, benchmark_row: Benchmark, user: User, settings: Any
) -> None:
    (queued, _) = run.create(submission, [benchmark_row], publish=False)
    log.note(queued.pk, 1, "begun")
    done = Run.objects.create(
        submission=submission, benchmark=benchmark_row, readout="other", state=State.FINISHED
    )
    Charge.objects.create(owner=user, run=done, attempt=1, created=timezone.now())
    Exposure.objects.create(owner=user, benchmark=benchmark_row, run=done, created=timezone.now())
    folder, runs = conf.uploads() / submission.path, conf.runs() / str(queued.pk)
    assert folder.is_dir() and runs.is_dir()
    verbs.delete(submission, by=user)
    submission.refresh_from_db()
    assert submission.deleted and submission.withdrawn and submission.card == {} and submission.path == ""
    assert not folder.exists() and not runs.exists() and not Run.objects.exists()
    # What was told stays told, what was spent stays spent, and the number is nobody else's.
    assert Exposure.objects.get().run is None and quota_of(user).used == 1
    assert _next_version(submission.name, user) == submission.version + 1
    assert not visible_submissions(user).exists()
    assert list(AuditEntry.objects.order_by("id").values_list("verb", flat=True)) == ["withdraw", "delete"]
    assert AuditEntry.objects.filter(actor=user).count() == 2


def test_what_operators_hid_its_owner_cannot_show(
    submission: Submission, user: User, make_user: Callable[..., User]
) -> None:
    operator = make_user("eve", is_staff=True)
    verbs.moderate(submission, by=operator, reason="not yours")
    assert not rules.may_be_seen(submission, AnonymousUser()) and rules.may_be_seen(submission, user)
    for wanted in (Visibility.PUBLIC, Visibility.UNLISTED):
        with pytest.raises(verbs.Moderated, match="not yours"):
            verbs.set_visibility(submission, wanted, by=user)
    verbs.let_go(submission, by=operator)
    verbs.set_visibility(submission, Visibility.PUBLIC, by=user)
    assert rules.may_be_seen(submission, AnonymousUser())


def test_audit_outlives_people(user: User, submission: Submission) -> None:
    audit.note(user, "look", submission, why="a test", empty="")
    user.delete()
    line = AuditEntry.objects.get()
    assert (line.actor, line.actor_name, line.detail) == (None, "ada", "why: a test")


def test_a_failed_run_is_told_once_by_page_and_mail(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark, user: User
) -> None:
    User.objects.filter(pk=user.pk).update(email="ada@example.org")
    model, twin = run.create(make_submission("net"), [benchmark_row], publish=False)
    fail(model)
    told = notice.unread_of(user).get()
    assert told.run == model  # the twin, cancelled with it, is not told of
    assert notice.mail_due(site="https://board.example.org") == 1 and notice.mail_due() == 0
    sent = mail.outbox[0]
    assert sent.to == ["ada@example.org"] and "net version 1 on cortex@0: failed" in sent.subject
    assert "It breaks." in sent.body and f"https://board.example.org/runs/{model.pk}/" in sent.body
    assert notice.read(user, run=model) == 1 and not notice.unread_of(user).exists()
    assert twin.twin == Twin.UNTRAINED


def test_mail_can_be_declined_and_page_notices_stay(
    submission: Submission, benchmark_row: Benchmark, user: User
) -> None:
    User.objects.filter(pk=user.pk).update(email="ada@example.org")
    notice.choose_mail(user, wanted=False)
    fail(run.create(submission, [benchmark_row], publish=False)[0], lambda code, text: fault.ours(code))
    assert notice.mail_due() == 0 and mail.outbox == []
    assert notice.unread_of(user).count() == 1 and not Notice.objects.filter(mailed=None).exists()
    notice.choose_mail(user, wanted=True)
    assert notice.wants_mail(user)


def test_a_mail_server_that_is_away_is_tried_again(
    submission: Submission, benchmark_row: Benchmark, user: User, settings: Any
) -> None:
    User.objects.filter(pk=user.pk).update(email="ada@example.org")
    fail(run.create(submission, [benchmark_row], publish=False)[0])
    backend = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = (
        "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1", 9,
    )  # fmt: skip
    assert notice.mail_due() == 0 and Notice.objects.get().mailed is None
    settings.EMAIL_BACKEND = backend
    assert notice.mail_due() == 1


def test_a_closed_site_takes_nothing_in(submission: Submission, benchmark_row: Benchmark, user: User) -> None:
    now = timezone.now()
    Announcement.objects.create(
        text="Over.", begins=now - timedelta(days=2), ends=now - timedelta(days=1), closes=True
    )
    soon = Announcement.objects.create(
        text="Disks are moved.", begins=now, ends=now + timedelta(hours=1), closes=True
    )
    assert [a.text for a in announced()] == ["Disks are moved."]
    with pytest.raises(Closed, match="Disks are moved") as refused:
        run.create(submission, [benchmark_row], publish=False)
    assert "UTC" in str(refused.value.mend) and not Run.objects.exists()
    soon.delete()
    assert run.create(submission, [benchmark_row], publish=False)


def test_stale_scores_are_made_again_beside_the_old(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark, user: User
) -> None:
    def finished(name: str, **fields: Any) -> Run:
        return Run.objects.create(
            submission=make_submission(name, **fields),
            benchmark=benchmark_row,
            readout="ridge",
            state=State.FINISHED,
        )

    old, gone, reference = finished("a"), finished("b"), finished("c", format=Format.REFERENCE)
    verbs.withdraw(gone.submission)
    assert rescoring.mark_stale(benchmark_row, by=None, reason="a bug") == 3
    assert rescoring.mark_stale(benchmark_row, by=None) == 0
    (fresh,) = rescoring.score_again(benchmark_row, by=None)
    assert (fresh.submission, fresh.state) == (old.submission, State.QUEUED)
    assert rescoring.score_again(benchmark_row, by=None) == []  # one is under way
    Run.objects.filter(pk=fresh.pk).update(state=State.FINISHED)
    assert rescoring.score_again(benchmark_row, by=None) == []
    assert quota_of(user).used == 0 and Run.objects.get(pk=old.pk).state == State.FINISHED
    assert reference.submission.is_reference


def test_the_last_evaluation_goes_to_one_of_many_threads(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark, user: User, settings: Any
) -> None:
    settings.GYRAL_RUNS_PER_DAY = 3
    submissions = [make_submission() for _ in range(8)]
    outcomes: list[str] = []
    together = threading.Barrier(len(submissions))

    def ask(one: Submission) -> None:
        together.wait()
        try:
            run.create(one, [benchmark_row], twin=False, publish=False)
            outcomes.append("queued")
        except QuotaExceeded:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=(one,)) for one in submissions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["queued"] * 3 + ["refused"] * 5
    assert quota_of(user).remaining == 0 and Run.objects.count() == 3
