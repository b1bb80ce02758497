// The page at `/` of the local run: clicks through every page of some rooms in both orders, and compares
// the page with the API's own answers.
//
// usage: node page.mjs CHROMIUM BASE_URL [FOLDER_FOR_SCREENSHOTS]

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { createRequire } from "node:module";

const { chromium } = createRequire(`${process.cwd()}/`)("playwright-core");
const [executablePath, base, screenshots] = process.argv.slice(2);
const [key, secret] = ["plugnmeet", "local-demo-secret"];

async function api(request) {
  const body = JSON.stringify(request);
  const signature = createHmac("sha256", secret).update(body).digest("hex");
  const headers = { "Content-Type": "application/json", "API-KEY": key, "HASH-SIGNATURE": signature };
  return (await fetch(`${base}/auth/room/fetchPastRooms`, { method: "POST", headers, body })).json();
}

/** All sessions of some rooms, from the API. */
async function history(rooms, order) {
  const sids = [];
  for (;;) {
    const { result } = await api({ room_ids: rooms, from: sids.length, limit: 100, order_by: order });
    sids.push(...(result?.rooms_list ?? []).map((session) => session.room_sid));
    if (sids.length >= Number(result?.total_rooms ?? 0)) return sids;
  }
}

const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
const pager = page.locator("#pages");
const complaints = [];
page.on("pageerror", (error) => complaints.push(`an error in the page: ${error.message}`));
page.on("console", (message) => message.type() === "error" && complaints.push(`the console says: ${message.text()}`));
page.on("request", (request) => {
  if (!request.url().startsWith(base) && !request.url().startsWith("data:")) complaints.push(`it asks for ${request.url()}`);
});

/** What the page shows, once it has been read in both ways. */
async function shown() {
  await page.locator("body[data-shown][data-compared]").waitFor();
  return page.evaluate(() => ({
    compared: document.body.dataset.compared,
    sids: [...document.querySelectorAll("#rows tr")].map((row) => row.dataset.sid),
    number: Number(document.querySelector("#pages [aria-current]").textContent),
    summary: document.querySelector("#summary").textContent,
    costs: Object.fromEntries(["ours", "usual"].map((way) => [way, Object.fromEntries(
      [...document.querySelectorAll(`.measure.${way}`)].map((list) => [list.dataset.measure, Number(list.querySelector("dd").textContent.replaceAll(",", ""))]),
    )])),
  }));
}

/** Clicks, and waits for another page than the one that is shown. */
async function click(locator) {
  const before = await page.evaluate(() => document.body.dataset.shown);
  await locator.click();
  await page.waitForFunction((before) => document.body.dataset.shown !== before && document.body.dataset.compared, before);
  return shown();
}

async function choose(rooms) {
  // The last room is not taken away before another one is there.
  for (const box of await page.locator("#rooms input").all()) {
    const wanted = rooms.includes(await box.inputValue());
    if (wanted) await box.check();
  }
  for (const box of await page.locator("#rooms input").all()) {
    if (!rooms.includes(await box.inputValue())) await box.uncheck();
  }
  await page.waitForFunction((rooms) => {
    const shown = new URLSearchParams((document.body.dataset.shown ?? "").slice(1)).getAll("room");
    return document.body.dataset.compared && shown.length === rooms.length && rooms.every((room) => shown.includes(room));
  }, rooms);
  return shown();
}

// It opens on all rooms, deep.
await page.goto(`${base}/`);
const opening = await shown();
const everything = (await api({ limit: 1 })).result.total_rooms;
assert.equal(opening.compared, "same");
assert.equal(opening.number, Math.ceil(Math.ceil(everything / 20) * 0.75));
assert.ok(await page.getByLabel("All rooms").isChecked());
assert.ok(opening.costs.ours.units <= 4 && opening.costs.usual.units > 100, JSON.stringify(opening.costs));

// The rooms of the sample, with their totals.
await page.locator("#rooms[data-counted]").waitFor();
assert.equal(await page.locator("#whole output").textContent(), everything.toLocaleString("en"));
const listed = await page.locator("#rooms .room").evaluateAll((rooms) =>
  rooms.map((room) => [room.querySelector("span").textContent, Number(room.querySelector("output").textContent.replace(",", ""))]));
for (const [room, total] of listed) {
  assert.equal(total, (await api({ room_ids: [room], limit: 1 })).result?.total_rooms ?? 0, room);
}
assert.ok(listed.length >= 7 && listed.at(-1)[0] === "empty-room", JSON.stringify(listed));
console.log(`ok    the rooms: ${listed.map((room) => room.join(" ")).join(", ")}`);

// From the first page to the very last, in both orders.
let opened = 0;
const smallRooms = listed.filter(([, total]) => total < 1000).map(([room]) => room);
for (const [rooms, limit] of [[["english-b2"], 50], [["board-meeting", "room01"], 20], [["math-101"], 100], [smallRooms, 50]]) {
  await choose(rooms);
  await page.locator("#limit").selectOption(String(limit));
  const sequences = [];
  for (const order of ["DESC", "ASC"]) {
    await page.locator(`input[name=order][value=${order}]`).check();
    await page.waitForFunction(([order, limit]) => {
      const shown = document.body.dataset.shown ?? "";
      return document.body.dataset.compared && shown.includes(`order=${order}&limit=${limit}&page=1`);
    }, [order, String(limit)]);
    const expected = await history(rooms, order);
    const last = Math.ceil(expected.length / limit);
    const sids = [];
    let most = 0;
    for (let number = 1, now = await shown(); ; number += 1) {
      const first = (number - 1) * limit;
      assert.equal(now.number, number);
      assert.deepEqual(now.sids, expected.slice(first, first + limit), `page ${number} of ${rooms} ${order}`);
      assert.equal(now.compared, "same", `page ${number} in both ways`);
      for (const cost of Object.values(now.costs)) {
        assert.ok(cost.requests >= 1 && cost.units >= 0.5 && cost.milliseconds > 0, JSON.stringify(now.costs));
      }
      assert.ok(now.costs.ours.requests <= 3 * rooms.length, `requests of page ${number}: ${now.costs.ours.requests}`);
      most = Math.max(most, now.costs.ours.units);
      sids.push(...now.sids);
      opened += 1;
      const next = pager.getByRole("link", { name: "Next page" });
      if (!(await next.count())) {
        assert.equal(number, last, "there is a next page until the very last");
        break;
      }
      now = await click(next);
    }
    // The last page's number leads there from the first page, too.
    assert.deepEqual((await click(pager.getByRole("link", { name: "Page 1", exact: true }))).number, 1);
    const end = await click(pager.getByRole("link", { name: `Page ${last}, the last` }));
    assert.deepEqual([end.number, end.sids.at(-1)], [last, expected.at(-1)]);
    assert.equal(await pager.getByRole("link", { name: "Next page" }).count(), 0);
    sequences.push(sids);
    console.log(`ok    ${rooms.length === 1 ? rooms[0] : `${rooms.length} rooms`}, ${order}: ${last} pages of ${limit}, at most ${most} read units, everything ${end.costs.usual.units}`);
  }
  assert.deepEqual(sequences[0], sequences[1].toReversed(), "one order is the other reversed");
}

// A room without a past, no room, a page by its number, the browser's way back, and a wrong secret.
await choose(["empty-room"]);
assert.equal(await page.locator("#summary").textContent(), "No past sessions");
await page.getByLabel("empty-room").uncheck();
await page.locator("#all:checked").waitFor();
await choose(["math-101"]);
await page.locator("#page").fill("17");
const seventeenth = await click(page.getByRole("button", { name: "go" }));
assert.equal(seventeenth.number, 17);
await page.goBack();
await page.waitForFunction(() => document.querySelector("#pages [aria-current]")?.textContent === "1");
await page.locator("#credentials summary").click();
await page.getByLabel("API secret").fill("another");
await page.getByLabel("API secret").press("Enter");
await page.getByRole("alert").getByText("Wrong API secret").waitFor();
await page.getByLabel("API secret").fill(secret);
await page.getByLabel("API key").fill("schlüssel");
await page.getByLabel("API key").press("Enter");
await page.getByRole("alert").getByText("cannot be sent").waitFor();
await page.getByLabel("API key").fill(key);
await page.getByLabel("API key").press("Enter");
await shown();
console.log("ok    an empty room, no room, a page by its number, back, a wrong secret, and a key that cannot be sent");

// An error keeps the page, the pager and the focus, and says what to do.
for (const [answer, advice] of [
  [(route) => route.fulfill({ status: 502, contentType: "text/html", body: "<h1>Bad Gateway</h1>" }), "a proxy sent it"],
  [(route) => route.abort(), "start the local run again"],
]) {
  await page.route("**/auth/room/fetchPastRooms", answer);
  const before = await page.locator("#rows").textContent();
  await pager.getByRole("link", { name: "Page 2", exact: true }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText(advice).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "2");
  assert.equal(await page.locator("#rows").textContent(), before);
  await page.unroute("**/auth/room/fetchPastRooms");
  // The same link leads there once the error is gone.
  await page.keyboard.press("Enter");
  assert.equal((await shown()).number, 2);
  assert.equal(await page.getByRole("alert").textContent(), "");
  await click(pager.getByRole("link", { name: "Page 1", exact: true }));
}
// The browser itself notes these.
complaints.splice(0, complaints.length, ...complaints.filter((complaint) => !/401|502|ERR_FAILED/.test(complaint)));
console.log("ok    a proxy's page and no answer");

// The pager below the table leads to the beginning of the next page, and the command gives the answer that is shown.
const below = await click(page.locator("#pages-below").getByRole("link", { name: "Next page" }));
assert.deepEqual([below.number, await page.evaluate(() => document.activeElement.closest("ol").id)], [2, "pages"]);
await page.locator("#exchange summary").click();
const answer = JSON.parse(await page.locator("#answer").textContent());
assert.deepEqual(JSON.parse(execFileSync("sh", ["-c", await page.locator("#curl").textContent()])), answer);
console.log("ok    the pager below the table, and the command");

// A room that cannot be read has no number, says why, and is in no other room's way.
const broken = "math-101", cause = "internal error";
await page.route("**/auth/room/fetchPastRooms", (route) => {
  const { room_ids } = route.request().postDataJSON();
  if (room_ids?.length !== 1 || room_ids[0] !== broken) return route.continue();
  return route.fulfill({ status: 500, contentType: "application/json", body: JSON.stringify({ status: false, msg: cause }) });
});
await page.goto("about:blank");
await page.goto(`${base}/#room=room01`);
await shown();
await page.locator("#rooms[data-counted]").waitFor();
const counted = await page.locator("#rooms .room").evaluateAll((rooms) => rooms.map((room) => {
  const output = room.querySelector("output");
  return [room.querySelector("span").textContent, output.textContent.replace(",", ""), output.title];
}));
assert.deepEqual(counted, listed.map(([room, total]) => room === broken ? [room, "?", cause] : [room, String(total), ""]));
await page.unroute("**/auth/room/fetchPastRooms");
// The browser itself notes the 500.
complaints.splice(0, complaints.length, ...complaints.filter((complaint) => !complaint.includes("500")));
console.log("ok    a room that cannot be read");

// By keyboard alone: to the next page, and there to the next.
await page.goto("about:blank");
await page.goto(`${base}/#room=math-101&order=DESC&limit=20&page=119`);
await shown();
await pager.getByRole("link", { name: "Next page" }).focus();
await page.keyboard.press("Enter");
await page.waitForFunction(() => document.querySelector("#pages [aria-current]")?.textContent === "120" && document.body.dataset.compared);
assert.equal(await page.evaluate(() => document.activeElement.textContent), "120", "the focus stays among the pages");

// Nothing is wider than a narrow screen, in light and in dark.
for (const [width, height, colorScheme] of [[360, 800, "light"], [360, 800, "dark"], [768, 1000, "dark"], [1280, 900, "light"], [1280, 900, "dark"]]) {
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme });
  await page.goto("about:blank");
  await page.goto(`${base}/#room=math-101&order=DESC&limit=20&page=1`);
  await shown();
  for (const number of [30, 60, 90, 120]) {
    await page.evaluate((number) => { location.hash = location.hash.replace(/page=\d+/, `page=${number}`); }, number);
    await page.waitForFunction((number) => document.body.dataset.compared && document.body.dataset.shown?.endsWith(`&page=${number}`), number);
  }
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${overflow} pixels too wide at ${width}`);
  const [dots, labels] = await page.evaluate(() => ["circle", "text"].map((name) =>
    [...document.querySelectorAll(`#chart ${name}`)].map((shape) => shape.getBoundingClientRect().toJSON())));
  assert.ok(dots.length >= 6 && dots.every((dot) => Math.abs(dot.width - dot.height) < 0.5), `the dots are round at ${width}`);
  for (const [index, one] of labels.entries()) {
    for (const other of labels.slice(index + 1)) {
      const apart = one.right < other.left || other.right < one.left || one.bottom <= other.top || other.bottom <= one.top;
      assert.ok(apart, `labels overlap at ${width}`);
    }
  }
  if (screenshots) await page.screenshot({ path: `${screenshots}/page-${width}-${colorScheme}.png` });
}
console.log("ok    by keyboard, and narrow");

assert.deepEqual(complaints, []);
await browser.close();
console.log(`${opened} pages of the page were compared with the API`);
