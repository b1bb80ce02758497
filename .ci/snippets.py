"""The code blocks of the documentation, for checks that run what is printed there."""

import pathlib
import re

DOCS = pathlib.Path(__file__).parent.parent / "docs" / "use"


def snippets(page, language):
    """The blocks of one language on a page of docs/use/, in order."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)
    if not blocks:
        raise SystemExit(f"docs/use/{page} has no {language} block")
    return blocks
