"""Text from files, as editors and shells write it: UTF-8, or UTF-16 with its mark."""

import codecs

_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def decoded(data: bytes) -> str | None:
    """Return the text of a file, with `\\n` at the end of each line, or None if it is not text.

    A byte order mark says UTF-8 or UTF-16, which PowerShell writes; without one, it is UTF-8, or UTF-16 if every
    second byte is zero.

    >>> decoded("δ".encode("utf-16")), decoded(b"\\xff")
    ('δ', None)
    """
    mark = next((mark for mark in _MARKS if data.startswith(mark)), b"")
    encoding = _MARKS.get(mark, "utf-8")
    if not mark and b"\0" in data[:200]:
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text.replace("\r\n", "\n").replace("\r", "\n")
