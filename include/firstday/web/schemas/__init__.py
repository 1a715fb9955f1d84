"""Response types of the API, by room: FastAPI validates each response against them and documents them as OpenAPI."""

from include.firstday.web.schemas import common, drift, experiments, lake, model, overview, users

__all__ = ["common", "drift", "experiments", "lake", "model", "overview", "users"]
