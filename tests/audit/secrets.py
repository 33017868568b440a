"""`python -m tests.audit.secrets`: fails for a secret in the repository; `--accept` takes what it finds as none.

Accepted ones are in `.secrets.baseline`, by hash. A review of it: `detect-secrets audit .secrets.baseline`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import chdir
from pathlib import Path

from detect_secrets import SecretsCollection
from detect_secrets.core import baseline
from detect_secrets.core.potential_secret import PotentialSecret
from detect_secrets.settings import default_settings

ROOT = Path(__file__).resolve().parents[2]
BASELINE = ".secrets.baseline"
#: Where `password: …` is made up, or a word of the page.
NO_KEYWORDS = ("tests/", "webapp/assets/words/")


def main(arguments: list[str]) -> int:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    found = scan(ROOT, files)
    if arguments == ["--accept"]:
        text = json.dumps(_accepting(found), indent=2, sort_keys=True)
        (ROOT / BASELINE).write_text(text + "\n", encoding="utf-8")
        return 0
    unknown = list(unaccepted(found, json.loads((ROOT / BASELINE).read_text(encoding="utf-8"))))
    for secret in unknown:
        print(f"{secret.filename}:{secret.line_number}: {secret.type}", file=sys.stderr)
    if unknown:
        print(
            "secrets: take it out and renew it where it was real; what is none gets `pragma: allowlist secret`"
            " in a comment, or `python -m tests.audit.secrets --accept`",
            file=sys.stderr,
        )
        return 1
    print(f"secrets: none in {len(files)} files")
    return 0


def scan(root: Path, files: Iterable[str]) -> SecretsCollection:
    """What looks like a secret, by detect-secrets' every rule; in some folders the word `password` proves nothing."""
    names = [name for name in files if name != BASELINE]
    found = SecretsCollection()
    with chdir(root), default_settings():  # so that it calls them as we do
        found.scan_files(*names)
    for name in found.files:
        if name.startswith(NO_KEYWORDS):
            found.data[name] = {each for each in found.data[name] if each.type != "Secret Keyword"}
    return found


def unaccepted(found: SecretsCollection, accepted: dict[str, object]) -> Iterator[PotentialSecret]:
    """Compared by file, kind and hash: a line that moved is the same."""
    known = {secret for _, secret in SecretsCollection.load_from_baseline(accepted)}
    return (secret for _, secret in found if secret not in known)


def _accepting(found: SecretsCollection) -> dict[str, object]:
    with default_settings():
        written = baseline.format_for_output(found)
    for secrets in written["results"].values():
        for secret in secrets:
            secret |= {"is_secret": False}
    return {key: value for key, value in written.items() if key != "generated_at"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
