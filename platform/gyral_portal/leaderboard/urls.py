"""Public addresses."""

from django.urls import path

from gyral_portal.leaderboard.views import (
    benchmark,
    board,
    compare,
    dataset,
    front,
    model,
    record,
    saved,
    scatter,
    suite,
)

app_name = "leaderboard"
urlpatterns = [
    path("", front.front, name="front"),
    path("boards/", front.boards, name="boards"),
    path("boards/<str:reference>/", board.board, name="board"),
    path("boards/<str:reference>/compare/", compare.compare, name="compare"),
    path("boards/<str:reference>/agreement/", compare.agreement, name="agreement"),
    path("boards/<str:reference>/scatter/", scatter.scatter, name="scatter"),
    path("boards/<str:reference>/scatter.svg", scatter.scatter_file, name="scatter-file"),
    path("boards/<str:reference>/<str:kind>", board.board_file, name="export"),
    path("views/", saved.saved_views, name="saved-views"),
    path("views/save/", saved.save_view, name="save-view"),
    path("views/<uuid:view>/", saved.saved_view, name="saved-view"),
    path("views/<uuid:view>/delete/", saved.delete_view, name="delete-view"),
    path("benchmarks/", benchmark.benchmarks, name="benchmarks"),
    path("benchmarks/<str:reference>/", benchmark.benchmark, name="benchmark"),
    path("benchmarks/<str:reference>/stimuli/<int:row>", benchmark.stimulus, name="stimulus"),
    path("suites/", suite.suites, name="suites"),
    path("suites/<str:reference>/", suite.suite, name="suite"),
    path("suites/<str:reference>/cite.bib", suite.suite_bib, name="suite-bib"),
    path("datasets/", dataset.datasets, name="datasets"),
    path("datasets/<str:name>/", dataset.dataset, name="dataset"),
    path("models/", model.models, name="models"),
    path("models/<str:name>/", model.model, name="model"),
    path("models/<str:name>/v<int:version>/", model.model, name="model-version"),
    path("records/<uuid:run>/", record.record, name="record"),
    path("records/<uuid:run>/<str:name>", record.download, name="download"),
    path("reading/", front.reading, name="reading"),
]
