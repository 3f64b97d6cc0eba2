// Chromium looks at the pages of real daemons: node browser.mjs HOSTS.json [SCREENSHOT]
import assert from "node:assert/strict";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [, , told, screenshot] = process.argv;
const hosts = JSON.parse(readFileSync(told));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"];
let failed = 0;

const opened = async (options, work) => {
  const context = await browser.newContext(options);
  const page = await context.newPage(), wrong = [];
  page.setDefaultTimeout(20000);
  // A browser says so if the policy forbids something, and if a script fails.
  page.on("console", (message) => { if (message.type() === "error" && !/status of 503|ERR_|the server responded/.test(message.text())) wrong.push(message.text()); });
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("dialog", (dialog) => { wrong.push("a dialog: " + dialog.message()); dialog.dismiss(); });
  try { await work(page); assert.deepEqual(wrong, []); } finally { await context.close(); }
};
const check = async (name, work) => {
  const began = Date.now();
  // A browser that hangs is an answer too.
  const late = new Promise((_, reject) => setTimeout(reject, 90000, new Error("no answer for 90 seconds")).unref());
  try { console.log(`ok    ${name}: ${(await Promise.race([work(), late])) ?? ""} (${Date.now() - began} ms)`); }
  catch (error) { failed++; console.log(`WRONG ${name}: ${error.message.slice(0, 1500)}`); }
};
const complaints = async (page) => {
  await page.evaluate(axe);
  const result = await page.evaluate((tags) => globalThis.axe.run(document, { runOnly: tags }), WCAG);
  return result.violations.map((each) => `${each.id}: ${each.help}: ${each.nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(" | ")}`);
};
const cut = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

// Every pair of values at least once.
const values = { size: ["0", "60", "4096"], scheme: ["light", "dark"], width: [1280, 390], script: [true, false], state: ["ready", "stale", "unknown"] };
const names = Object.keys(values);
const every = names.reduce((rows, name) => rows.flatMap((row) => values[name].map((value) => ({ ...row, [name]: value }))), [{}])
  .filter((run) => run.size !== "0" || run.state !== "unknown"); // a host without groups has no answer that is not known
const pairs = (run) => names.flatMap((one, at) => names.slice(at + 1).map((other) => `${one}=${run[one]},${other}=${run[other]}`));
const left = new Set(every.flatMap(pairs)), runs = [];
while (left.size) {
  const news = (run) => pairs(run).filter((pair) => left.has(pair)).length;
  const best = every.reduce((most, run) => (news(run) > news(most) ? run : most));
  runs.push(best);
  for (const pair of pairs(best)) left.delete(pair);
}
const look = (run) => check(Object.entries(run).map((each) => each.join("=")).join(" "), async () => {
  const host = hosts[run.size];
  let said = "";
  await opened({ colorScheme: run.scheme, viewport: { width: run.width, height: 900 }, javaScriptEnabled: run.script }, async (page) => {
    // A busy machine may read the host too late, and then the page rightly says so.
    for (let waits = 0; run.state !== "stale" && !(await fetch(host.url + "/-/ready")).ok; waits++) {
      assert.ok(waits < 60, "the daemon is not ready");
      await new Promise((done) => setTimeout(done, 500));
    }
    const answer = await page.goto(host.url);
    const nodes = await page.evaluate(() => document.querySelectorAll("*").length);
    assert.ok(nodes <= 3000, `${nodes} nodes`);
    const size = (await answer.body()).length;
    assert.ok(size <= 150000, `${size} bytes`);
    assert.ok((await cut(page)) <= 0, `cut off by ${await cut(page)} pixels`);
    assert.equal(await page.locator("body.stale").count(), run.state === "stale" ? 1 : 0);
    assert.equal(await page.locator("body>[role=alert]").count(), run.state === "stale" ? 1 : 0);
    if (run.size !== "0") {
      const key = run.state !== "ready" ? "unknown" : run.size === "60" ? "no" : "yes";
      assert.notEqual(await page.locator(`.counts .${key} strong`).textContent(), "0");
      assert.equal(await page.locator(".bus svg").count() > 0, true);
    } else assert.match(await page.locator("h1").textContent(), /no IOMMU group/i);
    assert.equal(await page.getByText("does not renew itself without JavaScript").isVisible(), !run.script);
    if (run.script) assert.deepEqual(await complaints(page), []);
    said = `${nodes} nodes, ${size} bytes`;
  });
  // axe is a script itself, so that the page has to do without its own only.
  if (!run.script) await opened({ colorScheme: run.scheme, viewport: { width: run.width, height: 900 } }, async (page) => {
    await page.route("**/page.js", (route) => route.fulfill({ body: "", contentType: "text/javascript" }));
    await page.goto(host.url);
    assert.deepEqual(await complaints(page), []);
  });
  return said;
});

// Press Tab until the focus is where it is wanted.
const tab = async (page, selector, most = 400) => {
  for (let pressed = 0; pressed < most; pressed++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
  }
  assert.fail(`the keyboard does not reach ${selector}`);
};

const journey = async (page) => {
  await page.goto(hosts.live.url);
  await tab(page, "#causes .more a");
  await page.keyboard.press("Enter");
  await page.waitForURL(/groups\/\d+$/);
  assert.deepEqual(await complaints(page), []);
  await tab(page, ".tree>summary");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator(".tree").first().evaluate((tree) => tree.open), false);
  await page.keyboard.press("Enter");
  assert.match(await page.locator(".tree .proof span:visible").first().textContent(), /^\/(sys|proc)\//);
  await tab(page, "nav a"); // the end of the page can be reached
  await page.goBack();
  await tab(page, "#map .bus a[href^='/groups/']");
  await page.keyboard.press("Enter");
  await page.waitForURL(/groups\/\d+$/);
  await page.goBack();
  await tab(page, "#q");
  await page.keyboard.type("group:5");
  await page.waitForFunction(() => document.querySelectorAll("#devices tbody tr").length === 1);
  assert.equal(await page.evaluate(() => document.activeElement.id), "q");
  await page.keyboard.press("Control+A");
  await page.keyboard.press("Delete");
  await page.waitForFunction(() => document.querySelectorAll("#devices tbody tr").length > 1);
  await tab(page, "#devices thead a[href*='group']");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("#devices th[aria-sort=ascending]")?.textContent === "group");
  // A change arrives, and the focus stays.
  const before = await page.locator("h1").textContent();
  writeFileSync(`${hosts.live.root}/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts`, "Y\n");
  writeFileSync(`${hosts.live.root}/sys/module/iommufd/parameters/allow_unsafe_interrupts`, "Y\n");
  await page.waitForFunction(() => document.querySelector(".counts .yes-by-override strong").textContent !== "0");
  await page.waitForFunction(() => /allow_unsafe_interrupts is on/.test(document.querySelector("#changes").textContent));
  assert.match(await page.evaluate(() => document.activeElement.textContent), /^group$/);
  assert.equal(await page.locator(".banner.exposed").count(), 1);
  assert.deepEqual(await complaints(page), []);
  return `${before.trim().slice(0, 40)}... -> ${(await page.locator("h1").textContent()).trim().slice(0, 40)}...`;
};

const cells = async (page) => {
  await page.goto(hosts["4096"].url);
  await tab(page, "#map .bus:nth-child(2) .all");
  for (const key of ["ArrowRight", "ArrowRight", "ArrowDown"]) await page.keyboard.press(key);
  assert.match(await page.locator("#cell").textContent(), /^group \d+ · 0000:01:\S+ · (no|yes)$/);
  const group = (await page.locator("#cell").textContent()).split(" ")[1];
  await page.keyboard.press("Enter");
  await page.waitForURL(new RegExp(`/groups/${group}$`));
  await page.goBack();
  const svg = page.locator(".bus:nth-child(2) svg").first(), box = await svg.boundingBox();
  await page.mouse.move(box.x + 30, box.y + 10);
  assert.match(await page.locator("#cell").textContent(), /^group \d+ · 0000:01/);
};

const hostile = async (page) => {
  for (const path of ["/", "/devices?q=%3Cscript%3Ealert(1)%3C/script%3E", "/devices?sort=driver", "/groups/1", "/groups/%3Cscript%3E", "/devices/%E2%80%AE"]) {
    await page.goto(hosts.hostile.url + path);
    assert.doesNotMatch(await page.title(), /^owned/);
    assert.equal(await page.evaluate(() => document.scripts.length), 1, path);
    assert.equal(await page.evaluate(() => document.images.length), 0, path);
    assert.ok((await cut(page)) <= 0, `${path} is cut off`);
  }
  await page.goto(hosts.hostile.url + "/devices?q=owned");
  const text = await page.locator("#devices tbody").innerText();
  assert.match(text, /<script>document\.title='owned'<\/script>/);
  assert.match(text, /<img src=x onerror/);
  assert.doesNotMatch(text, /[\u001b\u202e\u2066\u0007]/);
};

const address = async (page) => {
  await page.goto(hosts.live.url + "/devices?q=group:3");
  await page.fill("#q", "group:4");
  await page.waitForURL(/devices\?q=group%3A4/);
  assert.match(await page.locator("h1").textContent(), /group:4/);
  assert.match(await page.title(), /group:4/);
  await page.reload();
  assert.equal(await page.locator("#devices tbody tr").count(), 1);
  await tab(page, "#devices thead a[href*='driver']");
  await page.keyboard.press("Enter");
  await page.waitForURL(/sort=driver/);
  assert.deepEqual(await complaints(page), []);
};

const stops = async (page) => {
  await page.goto(hosts["60"].url);
  const root = hosts["60"].root;
  renameSync(root, root + ".gone");
  await page.waitForSelector("body.stale>[role=alert]");
  assert.ok(await page.getByText("When it was last read:").isVisible());
  assert.match(await page.title(), /^Stale: /);
  renameSync(root + ".gone", root);
  await page.waitForSelector("body:not(.stale)");
  assert.equal(await page.locator("body>[role=alert]").count(), 0);
};

const file = async (page) => {
  await page.goto(hosts.file.url);
  assert.doesNotMatch(await page.title(), /^owned/);
  assert.ok((await cut(page)) <= 0, "it is cut off");
  const rows = () => page.locator("#devices tbody tr:visible").count(), every = await rows();
  for (const [words, most] of [["group:7", 1], ["answer:no owned", 3], ["answer:yes", 0], ["", every]]) {
    await page.fill("#q", words);
    await page.waitForFunction((wanted) => document.querySelector("#matching").textContent.startsWith(`${wanted} of`), most);
    assert.equal(await rows(), most, words);
  }
  assert.deepEqual(await complaints(page), []);
  return `${every} rows`;
};

const narrow = { viewport: { width: 390, height: 800 } };
const all = async (state) => { for (const run of runs.filter((run) => run.state === state)) await look(run); };
await all("ready");
await check("the journey by keyboard", async () => { let said; await opened({}, async (page) => { said = await journey(page); }); return said; });
await check("the cells of a large map", () => opened({}, cells));
await check("hostile names are text", () => opened(narrow, hostile));
await check("a search is an address", () => opened({}, address));
await check("one file that loads no other", () => opened(narrow, file));
await check("a daemon that cannot read says so, and when it can again", () => opened({}, stops));
await check("all but the table is on one screen", () => opened({ viewport: { width: 1280, height: 900 } }, async (page) => {
  await page.goto(hosts["4096"].url);
  await page.waitForSelector("#map:not([data-reading])");
  const low = await page.evaluate(() => Math.max(...[...document.querySelectorAll("[data-part]:not(#devices)")].map((part) => part.getBoundingClientRect().bottom)));
  if (screenshot) await page.screenshot({ path: screenshot, animations: "disabled" });
  assert.ok(low <= 900, `it ends at ${low}`);
  return `${await page.locator(".card").count()} cards, and it ends at ${Math.round(low)}`;
}));
// What tells of remapping is gone, so that no verdict is known.
for (const size of ["60", "4096"]) {
  for (const path of ["sys/kernel/irq", "proc/interrupts", "proc/cmdline", "sys/firmware"]) rmSync(`${hosts[size].root}/${path}`, { recursive: true, force: true });
  process.kill(hosts[size].pid, "SIGHUP");
}
await check("nothing is known", async () => { for (const size of ["60", "4096"]) await opened({}, async (page) => {
  await page.goto(hosts[size].url);
  await page.waitForFunction(() => document.querySelector(".counts .unknown strong").textContent !== "0", null, { timeout: 60000 });
}); });
await all("unknown");
for (const size of values.size) renameSync(hosts[size].root, hosts[size].root + ".gone");
await new Promise((done) => setTimeout(done, 4000));
await all("stale");
await browser.close();
console.log(`${runs.length} runs cover every pair; ${failed} of all checks are wrong`);
process.exit(failed ? 1 : 0);
