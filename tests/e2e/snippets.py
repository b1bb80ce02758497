"""Code blocks of the documentation."""

import re

from local import ROOT


def blocks(page):
    """Returns the language and text of every block of a page in docs/use/, in order."""
    text = (ROOT / "docs/use" / page).read_text()
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def snippets(page, language):
    """Returns the blocks of one language; the page must have some."""
    found = [text for name, text in blocks(page) if name == language]
    assert found, f"{page} has no {language} block"
    return found
