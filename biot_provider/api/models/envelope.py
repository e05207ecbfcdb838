"""Parts of responses that all areas share: the error body, and a page of a search."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from biot_provider.api.models.wide import (
    Answer,
    Object,
    Whole,
)


class ErrorAnswer(Answer):
    """The platform's error body; every member may be missing."""

    code: str | None = None
    message: str | None = None
    service_name: str | None = None
    trace_id: str | None = None
    environment: str | None = None
    details: dict[str, Any] | None = None


class PageAnswer(Answer):
    """The position of a page in a search."""

    total_results: Whole = None


class MetadataAnswer(Answer):
    """The description of a search's results."""

    page: Object[PageAnswer] = None


RowT = TypeVar("RowT", bound=Answer)


class SearchAnswer(Answer, Generic[RowT]):
    """One page of a search."""

    data: tuple[RowT, ...]
    metadata: Object[MetadataAnswer] = None

    @property
    def total(self) -> int | None:
        """The number of rows on all pages; None if the platform does not say."""
        total = self.metadata.page.total_results if self.metadata and self.metadata.page else None
        return total if isinstance(total, int) else None
