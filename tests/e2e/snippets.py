"""Code blocks of the documentation."""

import re

from local import ROOT


def snippets(page, language):
    """Returns the blocks of one language on a page of docs/use/, in order."""
    text = (ROOT / "docs/use" / page).read_text()
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert blocks, f"{page} has no {language} block"
    return blocks
