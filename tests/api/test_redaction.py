"""A secret that somebody else quotes, in whatever way and however short it is cut, is in no text of ours."""

from __future__ import annotations

import base64
import html
import json
import secrets
import textwrap
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from biot_provider.api.redaction import redact

PIECE = 8
VALUES = {
    "token": secrets.token_urlsafe(40),
    "hexadecimal": secrets.token_hex(24),
    "passphrase": " ".join(secrets.token_hex(3) for _ in range(8)),
    "every mark": "Pä\"$'w/rd&<x>\\y+%41#" + secrets.token_urlsafe(20),
    "lines": "\n".join(["-----BEGIN KEY-----", *(secrets.token_urlsafe(36) for _ in range(4)), "-----END KEY-----"]),
    "tabs": "\t".join(secrets.token_hex(8) for _ in range(3)),
}
WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": json.dumps,
    "JSON in JSON": lambda value: json.dumps({"echo": json.dumps([value])}),
    "JSON without escaped letters": lambda value: json.dumps(value, ensure_ascii=False),
    "JSON with escaped slashes": lambda value: json.dumps(value).replace("/", "\\/"),
    "Python": repr,
    "HTML": html.escape,
    "HTML with numbers": lambda value: "".join(f"&#{ord(c)};" if not c.isalnum() else c for c in value),
    "JSON in HTML": lambda value: html.escape(json.dumps(value)),
    "HTML twice": lambda value: html.escape(html.escape(value)),
    "URL": quote,
    "URL, each mark": lambda value: quote(value, safe=""),
    "URL, small": lambda value: quote(value).lower(),
    "URL of a form": quote_plus,
    "URL twice": lambda value: quote(quote(value)),
    "upper case": str.upper,
    "lower case": str.lower,
    "short lines": lambda value: "\n".join(textwrap.wrap(value, 5, replace_whitespace=False)),
    "indented lines": lambda value: "\r\n\t  ".join(value[at : at + 6] for at in range(0, len(value), 6)),
}
ENCODED: dict[str, Callable[[str], str]] = {
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 of a header": lambda value: base64.b64encode(f"id:{value}".encode()).decode(),
    "base64 within": lambda value: base64.b64encode(f"a longer id:{value}, and more".encode()).decode(),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
    "base64 in lines": lambda value: base64.encodebytes(value.encode()).decode(),
    "hexadecimal": lambda value: value.encode().hex(),
}


def longest_left(text: str, form: str) -> int:
    """The length of the longest piece of a form that is in a text, blanks and case apart."""
    text, form = ("".join(item.lower().split()) for item in (text, form))
    return max(
        (
            length
            for length in range(1, len(form) + 1)
            if any(form[at : at + length] in text for at in range(len(form) - length + 1))
        ),
        default=0,
    )


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("value", VALUES)
def test_a_secret_is_struck_out_however_it_is_written(value: str, written: str) -> None:
    secret = VALUES[value]
    form = WRITTEN[written](secret)
    shown = redact(f"not valid: {form} (given)", [secret])
    assert shown.startswith("not valid: ")
    assert shown.endswith(" (given)")
    assert "[secret]" in shown
    assert all(longest_left(part, secret) < PIECE for part in shown.split("[secret]"))
    assert len(shown) < 60  # quotes and brackets may stay


@pytest.mark.parametrize("written", ENCODED)
@pytest.mark.parametrize("value", VALUES)
def test_a_secret_is_struck_out_however_it_is_encoded(value: str, written: str) -> None:
    form = ENCODED[written](VALUES[value])
    shown = redact(f"not valid: {form} (given)", [VALUES[value]])
    left = shown.removeprefix("not valid: ").removesuffix(" (given)").replace("[secret]", "")
    assert len(left) <= (32 if "header" in written or "within" in written else 4)  # of its neighbours, and padding


@pytest.mark.parametrize("written", ["as it is", "JSON", "URL", "HTML", "upper case", "short lines"])
@pytest.mark.parametrize("length", [PIECE, 13, 20])
def test_each_piece_of_a_secret_is_struck_out(written: str, length: int) -> None:
    secret = secrets.token_urlsafe(40)
    for at in range(len(secret) - length + 1):
        piece = WRITTEN[written](secret[at : at + length])
        for quoted in (f"'{piece}...'", f"'...{piece}'", f"{secret[:PIECE]}...{piece}", f"x{piece}x", f"<{piece}>"):
            shown = redact(quoted, [secret])
            assert longest_left(shown, secret) < PIECE
            assert "[secret]" in shown


def test_short_secrets_are_struck_out_whole_and_words_stay() -> None:
    given = ["true", "20..250", "1234", "abc", "production", "a.b*", ""]
    text = "abc is true in production: 20..250, pin 1234 or 12345, a.b*, aXb, PRODUCTION"
    assert redact(text, given) == (
        "abc is true in production: [secret], pin [secret] or [secret]5, [secret], aXb, PRODUCTION"
    )
    assert redact("abcdef abcd abc", ["abcd", "abcdef", "abc", ""]) == "[secret] [secret] abc"


def test_of_an_address_its_scheme_and_no_part_of_a_key_stays() -> None:
    key, password = secrets.token_hex(10), secrets.token_hex(10)
    text = f"cannot call https://me:{password}@hooks.example.com/in?code={key}&a=b, see http://x.example/docs"
    assert redact(text, []) == "cannot call https://[secret]@hooks.example.com/in?[secret] see http://x.example/docs"
    database = f"postgresql://app:{password}@db.example/app"
    assert redact(f"bad {database}", [database]) == "bad postgr[secret]"


@pytest.mark.parametrize("blanks", ["    ", " " * 8, "\t\n\r  ", "a   b", "a       b"])
def test_blanks_make_no_secret(blanks: str) -> None:
    assert redact("the label  of a plugin", [blanks]) == "the label  of a plugin"
    assert redact("", [blanks]) == ""


@pytest.mark.parametrize("secret", ["ab cd ef", "pw d1", " pwd1\n", "p\tw d 1"])
@pytest.mark.parametrize("written", ["as it is", "JSON", "URL", "URL of a form", "upper case"])
def test_a_short_secret_with_blanks_is_struck_out_as_it_is_written(secret: str, written: str) -> None:
    shown = redact(f"not valid: {WRITTEN[written](secret)} (given)", [secret])
    assert "[secret]" in shown
    assert len(shown) < len("not valid: '[secret]' (given)") + 7  # escapes of blanks at an end may stay


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgres://user:p@ss@host/db", "postgres://[secret]@host/db"),
        ("https://user:pa/ss@host", "https://[secret]@host"),
        ("https://user:pa/s@s@host/x, gone", "https://[secret]@host/x, gone"),
        ("https://user:pa#ss@host", "https://[secret]@host"),
        ("https://user:pa?ss@host/x", "https://[secret]"),
        ("https://user:pa?s/s@host", "https://[secret]"),
        ("https://token@host/x?y", "https://[secret]@host/x?[secret]"),
        ("https://to+/ken@host", "https://[secret]@host"),
        ("https://host/path@x?", "https://host/path@x?"),
        ("https://registry.example/@acme/x?y=a@b", "https://registry.example/@acme/x?[secret]"),
        ("https://host:8080/path", "https://host:8080/path"),
        ("https://@host", "https://@host"),
        ("http://a.example/x,http://user:pa/ss@b.example", "http://a.example/x,http://[secret]@b.example"),
        ("https://user:p://w@host/x", "https://[secret]@host/x"),
    ],
)
def test_what_stands_before_the_host_of_an_address_is_struck_out_whatever_it_holds(address: str, shown: str) -> None:
    assert redact(f"call {address} now", []) == f"call {shown} now"


@pytest.mark.parametrize(
    "text",
    ["x" * 300_000, "\\" * 100_000, "://" * 100_000, "&#1" * 50_000, "%41" * 50_000, "? " * 99, "://a@" * 50_000],
)
def test_no_text_takes_long(text: str) -> None:
    started = time.thread_time()
    redact(text, [secrets.token_urlsafe(2000)])
    assert time.thread_time() - started < 5
