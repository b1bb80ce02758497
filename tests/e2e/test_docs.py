"""Language, links and anchors of Markdown pages and comments; the workflows' actions."""

import pathlib
import re
import subprocess

import pytest
from local import ROOT

# Phrases of a private idiom that this project once had. A newcomer stumbles over each of them.
PHRASES = re.compile(
    r"at the most|so many|\b(?:is|are) none\b|cannot be one\b|\bmend|held against|\bwho(?:m)?ever\b"
    r"|\b(?:no|some|any|every)body\b|for ever\b|\banew\b|once more|all the same\b|by and by|of (?:which|whom)\b"
    r"|heard of|look(?:s|ed)? after|that (?:is|are) there|dealt with|passed over",
    re.IGNORECASE,
)
# Comments at the beginning of a line, by the end of the file's name or its folder.
COMMENTS = {".rs": r"\s*//[/!]?", ".py": r"\s*#", ".toml": r"\s*#", ".yaml": r"\s*#", ".yml": r"\s*#", ".sql": r"--", ".ci/": r"\s*#"}
# Maximum number of phrases per 10 000 words.
MAXIMUM = {"Markdown": 3, "comments": 3}


def files():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for path in listed.splitlines() if (ROOT / path).is_file()]


def marker(path):
    return next((marker for name, marker in COMMENTS.items() if path.endswith(name) or path.startswith(name)), None)


def prose(path):
    """Yields runs of prose of a file: the number of the first line, and the lines without comment markers."""
    number, run = 0, []
    for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
        comment = line if path.endswith(".md") else (re.match(rf"{marker(path)}(?![\[!])(.*)", line) or [None, None])[1]
        if comment and comment.strip():
            run.append(comment.strip())
        elif run:
            yield number - len(run), run
            run = []
    if run:
        yield number + 1 - len(run), run


def count(paths):
    """Returns the number of words, and where the phrases are."""
    words, found = 0, []
    for path in paths:
        for first, lines in prose(path):
            text = " ".join(lines)
            words += len(text.split())
            ends = [sum(len(line) + 1 for line in lines[: index + 1]) for index in range(len(lines))]
            for match in PHRASES.finditer(text):
                line = first + sum(end <= match.start() for end in ends)
                found.append(f"{path}:{line}: {match[0]}")
    return words, found


@pytest.mark.parametrize("kind", MAXIMUM)
def test_phrases_are_rare(kind):
    is_markdown = kind == "Markdown"
    paths = [path for path in files() if path.endswith(".md") == is_markdown and (is_markdown or marker(path))]
    words, found = count(paths)
    rate = len(found) / words * 10_000
    assert rate <= MAXIMUM[kind], f"{len(found)} in {words} words, {rate:.1f} per 10 000:\n" + "\n".join(found)


def rust():
    return [path for path in files() if path.endswith(".rs")]


def test_doc_comments_begin_with_a_noun_or_a_verb():
    first = re.compile(r"^ *(?://[^/!].*)?\n *//[/!] (?:What|Who|So many|Of) .*", re.MULTILINE)
    assert [f"{path}: {found.strip()}" for path in rust() for found in first.findall("\n" + (ROOT / path).read_text())] == []


def test_names_of_tests_are_short_and_have_no_article():
    test = re.compile(r"#\[(?:tokio::)?test\b.*\]\s+(?:#\[.*\]\s+)*(?:async )?fn (\w+)")
    names = [name for path in rust() for name in test.findall((ROOT / path).read_text())]
    assert len(names) > 400
    assert [name for name in names if len(name) > 48 or re.match("(?:a|an|the|what|who)_", name)] == []


def without_code(text):
    return re.sub(r"^( *)```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(page):
    """Returns the anchors of a page as GitHub makes them."""
    text, anchors, seen = without_code(page.read_text()), set(), {}
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")
        seen[anchor] = seen.get(anchor, -1) + 1
        anchors.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
    return anchors | set(re.findall(r'id="([^"]+)"', text))


@pytest.mark.parametrize("path", [path for path in files() if path.endswith(".md")])
def test_links_lead_to_files_and_anchors(path):
    page = ROOT / path
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text())):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        to = (page.parent / target).resolve() if target else page
        assert to.exists(), f"{link}: no such file"
        assert not anchor or anchor in anchors(to), f"{link}: no such anchor"


def test_readme_has_both_commands():
    readme = (ROOT / "README.md").read_text()
    assert re.search(r"^\$? ?cargo run --example local$", readme, re.MULTILINE)
    assert re.search(r"^\$? ?cargo test$", readme, re.MULTILINE)


def test_readme_lists_every_page():
    listed = set(re.findall(r"\]\((docs/[^)#]+\.md)\)", (ROOT / "README.md").read_text()))
    assert listed == {path for path in files() if pathlib.PurePath(path).parts[0] == "docs" and path.endswith(".md")}


def test_testing_page_names_every_test_file():
    named = re.findall(r"`(?:[\w*/]*/)?([\w*]+\.(?:rs|py))`", (ROOT / "docs/internals/testing.md").read_text())
    paths = [pathlib.PurePath(path) for path in files()]
    tests = [path for path in paths if path.match("tests/it/*.rs") or path.match("tests/e2e/test_*.py")]
    assert [path for path in tests if path.name != "main.rs" and not any(path.match(name) for name in named)] == []
    assert [name for name in named if not any(path.match(name) for path in paths)] == []


def test_pages_named_in_code_exist():
    for path in files():
        if path.endswith((".png", ".svg", ".lock", ".bin")) or path.startswith(("tests/corpora", "fuzz/")):
            continue
        for page in re.findall(r"docs/[\w/-]+\.(?:md|yaml|sql)", (ROOT / path).read_text(errors="replace")):
            assert (ROOT / page).exists(), f"{path} names {page}"


@pytest.mark.parametrize("workflow", sorted(path.name for path in (ROOT / ".github/workflows").iterdir()))
def test_actions_are_pinned_by_commit(workflow):
    """A tag can be moved to other code."""
    used = re.findall(r"^ *(?:- )?uses: *(.*)$", (ROOT / ".github/workflows" / workflow).read_text(), re.MULTILINE)
    assert used and all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", action) for action in used), used
