"""The API under ``/api/v1/``; its OpenAPI schema is at ``/api/v1/schema/``."""

from ninja import NinjaAPI

from gyral import __version__
from gyral_portal.api import read, submit, uploads
from gyral_portal.api.errors import install_errors

api = NinjaAPI(
    title="Gyral",
    version="1",
    description=(
        f"Boards, models, runs and records of a Gyral site (Gyral {__version__}). Reading needs no token; a token "
        "shows what its owner may see. Submitting needs a token with the scope `submit`. Every error is "
        "`{code, what, where, mend, page}`, `page` being where the code is explained."
    ),
    urls_namespace="api",
    openapi_url="schema/",
    docs_url=None,
)
install_errors(api)
api.add_router("", read.router)
api.add_router("", submit.router)
api.add_router("", uploads.router)
