"""What the page and the backend must agree on about files."""

from backend.services.transfer import upload
from backend.services.transfer.conversation import Reason
from webapp.routes import transfer
from webapp.words import CATALOGUES


def test_the_page_takes_files_as_large_as_the_backend() -> None:
    assert transfer.LARGEST_FILE == upload.LARGEST_FILE


def test_every_reason_has_its_words() -> None:
    assert {f"transfer.reason.{reason}" for reason in Reason} <= CATALOGUES["en"].keys()
