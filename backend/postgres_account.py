"""The operating-system account that the embedded PostgreSQL runs under.

PostgreSQL refuses to run as root. Started by root, it runs as a system account of its own, which must be
able to reach the data directory and the binaries. Their parents (a root home is 0700) are not opened to
everybody for that: the one account may pass through them, by a POSIX access control list (acl(5)).
"""

import os
import pwd
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

ACCOUNT = "chat-postgres"

# An access ACL as the kernel takes it (linux/posix_acl_xattr.h): a version, then (tag, permissions, id) each.
_ACL = "system.posix_acl_access"
_VERSION = struct.pack("<I", 2)
_ENTRY = struct.Struct("<HHI")
_USER_OBJ, _USER, _GROUP_OBJ, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_NO_ID = 0xFFFFFFFF
_EXECUTE = 0o1


class AccountError(Exception):
    """The account cannot be made, or cannot reach what it needs. The text is one line for a person."""


@dataclass(frozen=True)
class Account:
    """Whom a process runs as; ``None`` for both: whoever we are."""

    uid: int | None = None
    gid: int | None = None

    def own(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, directory: Path) -> bool:
        if self.uid is None or self.gid is None:
            return os.access(directory, os.X_OK)
        # Asked of the kernel as that user: mode bits alone do not know ACLs or a restricted mount.
        asked = subprocess.run(
            ["/usr/bin/env", "test", "-x", str(directory)],
            cwd="/",
            user=self.uid,
            group=self.gid,
            extra_groups=[],
            check=False,
        )
        return asked.returncode == 0

    def make_reachable(self, directory: Path) -> None:
        """Lets the account pass through every parent of ``directory`` (an absolute, resolved path).

        Raises AccountError when a parent cannot be opened to it.
        """
        if self.uid is None:
            return
        for parent in reversed(directory.parents):
            if self.can_enter(parent):
                continue
            try:
                _allow_traversal(parent, self.uid)
            except (OSError, AttributeError) as cause:
                raise _unreachable(parent) from cause
            if not self.can_enter(parent):
                raise _unreachable(parent)

    def make_readable(self, tree: Path) -> None:
        """Opens a tree of public files, which an installation under ``umask 077`` has closed, to everybody."""
        if self.uid is None or not tree.exists():
            return
        for path in (tree, *tree.rglob("*")):
            mode = path.stat().st_mode
            if not mode & 0o004:
                path.chmod(mode | (0o055 if mode & 0o100 else 0o044))


def postgres_account() -> Account:
    """The account to run PostgreSQL as: ours, or `chat-postgres` (made when missing) when we are root."""
    if os.geteuid() != 0:
        return Account()
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        entry = _create_account()
    return Account(entry.pw_uid, entry.pw_gid)


def _create_account() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd is None:
        raise AccountError(
            "PostgreSQL refuses to run as root, and without useradd there is no account for it: "
            "start the stack as another user than root"
        )
    options = ["--system", "--user-group", "--no-create-home", "--home-dir=/nonexistent"]
    options.append("--shell=/usr/sbin/nologin")
    made = subprocess.run(
        [useradd, *options, ACCOUNT],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return pwd.getpwnam(ACCOUNT)  # also when another start made it in this moment
    except KeyError:
        raise AccountError(
            f"PostgreSQL refuses to run as root, and the account {ACCOUNT!r} could not be made for it "
            f"({made.stderr.strip()}): start the stack as another user than root"
        ) from None


def _allow_traversal(directory: Path, uid: int) -> None:
    try:
        raw = os.getxattr(directory, _ACL)[len(_VERSION) :]
        entries = [_ENTRY.unpack_from(raw, at) for at in range(0, len(raw), _ENTRY.size)]
    except OSError:  # no ACL yet: the mode bits are one
        mode = directory.stat().st_mode
        entries = [
            (_USER_OBJ, mode >> 6 & 7, _NO_ID),
            (_GROUP_OBJ, mode >> 3 & 7, _NO_ID),
            (_MASK, mode >> 3 & 7, _NO_ID),
            (_OTHER, mode & 7, _NO_ID),
        ]
    entries = [entry for entry in entries if (entry[0], entry[2]) != (_USER, uid)]
    entries = [(tag, rights | _EXECUTE if tag == _MASK else rights, who) for tag, rights, who in entries]
    entries.append((_USER, _EXECUTE, uid))
    entries.sort(key=lambda entry: (entry[0], entry[2]))  # the kernel refuses any other order
    os.setxattr(directory, _ACL, _VERSION + b"".join(_ENTRY.pack(*entry) for entry in entries))


def _unreachable(directory: Path) -> AccountError:
    return AccountError(
        f"PostgreSQL refuses to run as root, and its account {ACCOUNT!r} cannot pass through {directory}: "
        "move the clone and CHAT_DATA_DIR to where other users may go, or start the stack as another user"
    )
