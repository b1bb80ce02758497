"""The page at `/` of the local run in headless Chromium: every page of some rooms in both orders, against the API."""

import json
import math
import re
import subprocess

import pytest
from conftest import apt_install
from local import KEY, SECRET

SHOWN = """() => ({
  compared: document.body.dataset.compared,
  sids: [...document.querySelectorAll("#rows tr")].map((row) => row.dataset.sid),
  number: Number(document.querySelector("#pages [aria-current]").textContent),
  costs: Object.fromEntries(["ours", "usual"].map((way) => [way, Object.fromEntries(
    [...document.querySelectorAll(`.measure.${way}`)].map((list) => [list.dataset.measure, Number(list.querySelector("dd").textContent.replaceAll(",", ""))]),
  )])),
})"""
COUNTED = """(rooms) => rooms.map((room) => {
  const output = room.querySelector("output");
  return [room.querySelector("span").textContent, output.textContent.replace(",", ""), output.title];
})"""
BOXES = """(name) => [...document.querySelectorAll(`#chart ${name}`)].map((shape) => shape.getBoundingClientRect().toJSON())"""
FETCH = "**/auth/room/fetchPastRooms"
FOCUS = "document.activeElement.textContent"


class Page:
    """The page in the browser. `complaints` lists errors and requests to other hosts."""

    def __init__(self, browser, run):
        self.run, self.complaints = run, []
        self.tab = browser.new_page(viewport={"width": 1280, "height": 900})
        self.tab.set_default_timeout(60_000)
        self.tab.on("pageerror", lambda error: self.complaints.append(error.message))
        self.tab.on("console", lambda it: it.type == "error" and self.complaints.append(it.text))
        self.tab.on("request", lambda it: it.url.startswith((run.url, "data:")) or self.complaints.append(it.url))

    def shown(self):
        """Returns what the page shows once it has read the API and compared it with the usual way."""
        self.tab.locator("body[data-shown][data-compared]").wait_for()
        return self.tab.evaluate(SHOWN)

    def open(self, fragment=""):
        self.tab.goto("about:blank")
        self.tab.goto(f"{self.run.url}/{fragment}")
        return self.shown()

    def until(self, condition, argument=None):
        self.tab.wait_for_function(condition, arg=argument)
        return self.shown()

    def link(self, name, pager="#pages", exact=False):
        return self.tab.locator(pager).get_by_role("link", name=name, exact=exact)

    def click(self, locator):
        before = self.tab.evaluate("document.body.dataset.shown")
        locator.click()
        return self.until("(before) => document.body.dataset.shown !== before && document.body.dataset.compared", before)

    def choose(self, rooms):
        # A page needs a room, so the wanted ones come first.
        for is_wanted in (True, False):
            for box in self.tab.locator("#rooms input").all():
                if (box.input_value() in rooms) == is_wanted:
                    box.set_checked(is_wanted)
        self.until("""(rooms) => {
          const shown = new URLSearchParams((document.body.dataset.shown ?? "").slice(1)).getAll("room");
          return document.body.dataset.compared && shown.length === rooms.length && rooms.every((room) => shown.includes(room));
        }""", rooms)

    def rooms(self):
        self.tab.locator("#rooms[data-counted]").wait_for()
        return self.tab.locator("#rooms .room").evaluate_all(COUNTED)

    def alert(self, text):
        self.tab.get_by_role("alert").get_by_text(text).wait_for()

    def drop_complaints(self, pattern):
        """Drops what the browser itself logs about an expected error."""
        self.complaints[:] = [it for it in self.complaints if not re.search(pattern, it)]


@pytest.fixture(scope="module")
def browser():
    apt_install("chromium", "chromium")
    from playwright.sync_api import sync_playwright

    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=quiet)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, local_run):
    page = Page(browser, local_run)
    yield page
    page.tab.close()
    assert not page.complaints


def history(run, rooms, order):
    """Returns the ids of all sessions of some rooms, from the API."""
    sids = []
    while True:
        result = run.ask({"room_ids": rooms, "from": len(sids), "limit": 100, "order_by": order}).json()["result"]
        sids += [session["room_sid"] for session in result["rooms_list"]]
        if len(sids) >= result["total_rooms"]:
            return sids


def test_opens_on_all_rooms_deep(page):
    opening, rooms = page.open(), page.rooms()
    everything = page.run.ask({"limit": 1}).json()["result"]["total_rooms"]
    assert (opening["compared"], opening["number"]) == ("same", math.ceil(math.ceil(everything / 20) * 0.75))
    assert page.tab.get_by_label("All rooms").is_checked()
    assert opening["costs"]["ours"]["units"] <= 4 and opening["costs"]["usual"]["units"] > 100
    assert page.tab.locator("#whole output").text_content() == f"{everything:,}"
    assert len(rooms) >= 7 and rooms[-1][:2] == ["empty-room", "0"]
    assert sum(int(count) for _, count, _ in rooms) == everything


def test_opens_on_the_largest_room_without_the_history(browser, start_local):
    with start_local("--whole-history", "off") as run:
        page = Page(browser, run)
        opening = page.open()
        assert page.tab.get_by_label("math-101").is_checked()
        assert page.tab.get_by_label("All rooms").is_hidden()
        assert (opening["compared"], opening["number"]) == ("same", 90)
        page.tab.close()
        assert not page.complaints


@pytest.mark.parametrize("rooms, limit", [
    (["english-b2"], 50), (["board-meeting", "room01"], 20), (["math-101"], 100),
    (["room01", "english-b2", "board-meeting", "town-hall", "empty-room"], 50),
])
def test_every_page_equals_the_api(page, rooms, limit):
    page.open()
    page.choose(rooms)
    page.tab.locator("#limit").select_option(str(limit))
    for order in ["DESC", "ASC"]:
        page.tab.locator(f"input[name=order][value={order}]").check()
        now = page.until("(wanted) => document.body.dataset.compared && document.body.dataset.shown?.includes(wanted)",
                         f"order={order}&limit={limit}&page=1")
        expected = history(page.run, rooms, order)
        last = math.ceil(len(expected) / limit)
        for number in range(1, last + 1):
            assert (now["number"], now["sids"], now["compared"]) == (number, expected[(number - 1) * limit : number * limit], "same")
            assert all(cost["requests"] >= 1 and cost["units"] >= 0.5 and cost["milliseconds"] > 0 for cost in now["costs"].values())
            assert now["costs"]["ours"]["requests"] <= 3 * len(rooms)
            assert page.link("Next page").count() == (number < last)
            if number < last:
                now = page.click(page.link("Next page"))
        assert page.click(page.link("Page 1", exact=True))["number"] == 1
        end = page.click(page.link(f"Page {last}, the last"))
        assert (end["number"], end["sids"][-1]) == (last, expected[-1])


def test_controls(page):
    page.open()
    page.choose(["empty-room"])
    assert page.tab.locator("#summary").text_content() == "No past sessions"
    page.tab.get_by_label("empty-room").uncheck()
    page.tab.locator("#all:checked").wait_for()
    page.choose(["math-101"])
    page.tab.locator("#page").fill("17")
    assert page.click(page.tab.get_by_role("button", name="go"))["number"] == 17
    page.tab.go_back()
    page.until("() => document.querySelector('#pages [aria-current]')?.textContent === '1'")
    below = page.click(page.link("Next page", "#pages-below"))
    assert (below["number"], page.tab.evaluate("document.activeElement.closest('ol').id")) == (2, "pages")
    page.tab.locator("#exchange summary").click()
    curl = subprocess.run(["sh", "-c", page.tab.locator("#curl").text_content()], capture_output=True, check=True)
    assert json.loads(curl.stdout) == json.loads(page.tab.locator("#answer").text_content())
    page.open("#room=math-101&order=DESC&limit=20&page=119")
    page.link("Next page").focus()
    page.tab.keyboard.press("Enter")
    page.until("() => document.querySelector('#pages [aria-current]')?.textContent === '120' && document.body.dataset.compared")
    assert page.tab.evaluate(FOCUS) == "120"


def test_errors_say_what_to_do(page):
    page.open("#room=math-101&order=DESC&limit=20&page=1")
    page.tab.locator("#credentials summary").click()
    for label, wrong, right, advice in [("API secret", "another", SECRET, "Wrong API secret"), ("API key", "schlüssel", KEY, "cannot be sent")]:
        for value in [wrong, right]:
            page.tab.get_by_label(label).fill(value)
            page.tab.get_by_label(label).press("Enter")
            page.alert(advice) if value == wrong else page.shown()
    gateway = {"status": 502, "content_type": "text/html", "body": "<h1>Bad Gateway</h1>"}
    for answer, advice in [(lambda route: route.fulfill(**gateway), "a proxy sent it"), (lambda route: route.abort(), "start the local run again")]:
        page.tab.route(FETCH, answer)
        before = page.tab.locator("#rows").text_content()
        page.link("Page 2", exact=True).focus()
        page.tab.keyboard.press("Enter")
        page.alert(advice)
        assert (page.tab.evaluate(FOCUS), page.tab.locator("#rows").text_content()) == ("2", before)
        page.tab.unroute(FETCH)
        page.tab.keyboard.press("Enter")
        assert (page.shown()["number"], page.tab.get_by_role("alert").text_content()) == (2, "")
        page.click(page.link("Page 1", exact=True))
    page.drop_complaints("401|502|ERR_FAILED")


def test_unreadable_room_is_marked(page):
    page.open("#room=room01")
    counted = page.rooms()

    def fail(route):
        if route.request.post_data_json.get("room_ids") != ["math-101"]:
            return route.continue_()
        route.fulfill(status=500, content_type="application/json", body='{"status":false,"msg":"internal error"}')

    page.tab.route(FETCH, fail)
    page.open("#room=room01")
    assert page.rooms() == [[room, "?", "internal error"] if room == "math-101" else [room, count, ""] for room, count, _ in counted]
    page.tab.unroute(FETCH)
    page.drop_complaints("500")


@pytest.mark.parametrize("width, scheme", [(360, "light"), (360, "dark"), (768, "dark"), (1280, "light"), (1280, "dark")])
def test_fits_the_screen(page, width, scheme):
    page.tab.set_viewport_size({"width": width, "height": 900})
    page.tab.emulate_media(color_scheme=scheme)
    page.open("#room=math-101&order=DESC&limit=20&page=1")
    for number in [30, 60, 90, 120]:
        page.tab.evaluate("(number) => { location.hash = location.hash.replace(/page=\\d+/, `page=${number}`); }", number)
        page.until("(end) => document.body.dataset.compared && document.body.dataset.shown?.endsWith(end)", f"&page={number}")
    assert page.tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    dots, labels = page.tab.evaluate(BOXES, "circle"), page.tab.evaluate(BOXES, "text")
    assert len(dots) >= 6 and all(abs(dot["width"] - dot["height"]) < 0.5 for dot in dots)
    for index, one in enumerate(labels):
        for other in labels[index + 1 :]:
            assert (one["right"] < other["left"] or other["right"] < one["left"]
                    or one["bottom"] <= other["top"] or other["bottom"] <= one["top"])
