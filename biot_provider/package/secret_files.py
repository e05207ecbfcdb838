"""Finds files that may have come into a package by mistake: private keys, and what tools keep passwords and tokens in.

They are deployed like any file: whoever may look at the plugin's code can read them. A file counts by its name and its
content, so a public certificate, an `.env.example` or an `.npmrc` that names a variable does not. Only a file with such
a name is opened. What a package manager has installed is public.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from biot_provider.errors import shown_names
from biot_provider.package.folders.folder_source import read_biotignore
from biot_provider.package.folders.ignore import BIOTIGNORE
from biot_provider.package.source import is_folder
from biot_provider.package.source_file import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from biot_provider.package.package import Package

_KINDS = {
    r"\.npmrc": rb"(?im)^[^#;\n]*_(?:authToken|auth|password)[ \t]*=[ \t]*(?![\"']?\$\{)\S",
    r"\.yarnrc\.yml": rb"(?m)^[ \t]*npmAuth(?:Token|Ident)[ \t]*:[ \t]*(?![\"']?\$\{)[^\s#]",
    r"\.env(?!.*(?:example|sample|template|dist|schema))(?:\..+)?": rb"(?m)^[ \t]*(?:export )?\w+[ \t]*=[ \t]*[^\s#]",
    r".+\.(?:pem|key)|id_(?:rsa|dsa|ecdsa|ed25519)": rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY",
    r"\.git-credentials": rb"://[^/\s]*@",
    r"[._]netrc": rb"\bpassword\s+\S",
    r"\.pypirc": rb"(?im)^[ \t]*password[ \t]*[=:][ \t]*\S",
    r"credentials": rb"\baws_(?:secret_access_key|session_token)[ \t]*=[ \t]*\S",
    r".*(?:credentials|service[-_]?account).*\.json": rb'"(?:private_key|refresh_token|client_secret)"\s*:\s*"[^"]',
}
"""By name: what such a file contains if it holds a secret."""
_NAMED = re.compile("|".join(f"({name})" for name in _KINDS), re.IGNORECASE)  # Windows keeps either case
_CONTENTS = [re.compile(content) for content in _KINDS.values()]
_MAX_BYTES = 1024**2
_MOST = 5
"""Maximum files that one line names."""
_RECORD = ".dist-info/RECORD"


def secret_files_warning(package: Package, folder: Path) -> str | None:
    """Return the sentence about the package's files that may hold secrets; None if there are none.

    ``folder`` is the source: a line of its `.biotignore` that begins with `!` and names such a file says that it is
    wanted. Raises `PackagingError` if a file cannot be read.
    """
    files = ((file.path, file.size) for file in package.files)
    names = secret_files(files, package.content)
    if not names:
        return None
    remedy = "zip the files again without them"
    if is_folder(folder):
        rules = read_biotignore(folder)
        names = [name for name in names if rules.verdict(name, is_folder=False) is not False]
        remedy = f"name in {BIOTIGNORE} what is not to be deployed, with a ! before it what is"
    return secret_files_sentence(names, "the package has", remedy)


def secret_files_sentence(names: Collection[str], what: str, remedy: str) -> str | None:
    """Return the sentence about these files; None if there are none."""
    if not names:
        return None
    listed = shown_names([*map(shown, sorted(names))], _MOST)
    return f"{what} {listed}: {'it' if len(names) == 1 else 'they'} may hold secrets; {remedy}"


def secret_files(files: Iterable[tuple[str, int]], content: Callable[[str], bytes]) -> list[str]:
    """Return the paths of files, given with their sizes, that may hold secrets; ``content`` reads one of them."""
    paths = dict(files)
    found = []
    for path, size in paths.items():
        if "node_modules/" in path or "site-packages/" in path:  # 10,000 of them take a millisecond
            continue
        named = _NAMED.fullmatch(path, path.rfind("/") + 1)
        if named is None or named.lastindex is None or size > _MAX_BYTES:
            continue
        # Windows PowerShell writes UTF-16, and editors there a byte order mark.
        text = content(path).lstrip(b"\xef\xbb\xbf\xff\xfe").replace(b"\0", b"")
        if _CONTENTS[named.lastindex - 1].search(text):
            found.append(path)
    return _not_installed(found, paths, content) if found else []


def _not_installed(found: list[str], paths: Iterable[str], content: Callable[[str], bytes]) -> list[str]:
    """Return the paths that no distribution beside them lists as its own."""
    for record in [path for path in paths if path.endswith(_RECORD)]:
        prefix = posixpath.dirname(posixpath.dirname(record))
        listed = {line.partition(b",")[0].strip(b'"') for line in content(record).splitlines()}
        found = [path for path in found if posixpath.relpath(path, prefix or ".").encode() not in listed]
    return found
