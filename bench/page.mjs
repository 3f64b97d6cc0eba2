// Chromium measures the page of a daemon for bench/page.py: node page.mjs URL LOADS
// Prints one line of JSON about the loads, then one for each change on screen, until its input ends.
import { createRequire } from "node:module";

const { chromium } = createRequire(new URL("../tests/page/package.json", import.meta.url))("playwright-core");
const [, , url, loads] = process.argv;
const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const viewport = { width: 1280, height: 900 };

const load = async () => {
  const context = await browser.newContext({ viewport }); // nothing is in its cache
  const page = await context.newPage();
  await page.goto(url);
  await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length);
  const told = await page.evaluate(() => {
    const [way] = performance.getEntriesByType("navigation");
    return {
      paint: performance.getEntriesByName("first-contentful-paint")[0].startTime,
      bytes: way.decodedBodySize, gzip: way.encodedBodySize, nodes: document.querySelectorAll("*").length,
    };
  });
  await context.close();
  return told;
};
await load(); // the browser itself starts, and the daemon reads what the devices are
const all = [];
for (let left = +loads; left; left--) all.push(await load());

const page = await (await browser.newContext({ viewport })).newPage();
await page.exposeFunction("told", (at, text) => say({ at, text }));
await page.goto(url);
await page.waitForFunction(() => /renews itself/.test(document.getElementById("live").textContent));
const rows = await page.evaluate(async () => {
  const drawn = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const took = [];
  for (let left = 20; left; left--) {
    const link = document.querySelector("#devices a[rel=next]"), began = performance.now();
    link.click();
    while (link.isConnected) await drawn();
    await drawn();
    took.push(performance.now() - began);
  }
  return took;
});
say({ loads: all, rows });
await page.goto(url);
await page.waitForFunction(() => /renews itself/.test(document.getElementById("live").textContent));
await page.evaluate(() => {
  // A frame has been drawn when the task behind its animation callbacks runs.
  new MutationObserver(() => requestAnimationFrame(() => setTimeout(() => {
    globalThis.told(performance.timeOrigin + performance.now(), document.querySelector("#changes li")?.textContent ?? "");
  }))).observe(document.getElementById("main"), { childList: true, subtree: true });
});
say({ follows: true });
process.stdin.resume();
process.stdin.on("end", () => browser.close());
