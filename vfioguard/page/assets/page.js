"use strict";
// With JavaScript the page renews itself, searches as one types, and names the cells of the map.
const root = document.documentElement, alone = root.hasAttribute("data-static");
root.classList.add("js");
const $ = (id) => document.getElementById(id);
const at = (selector, listen, kind) => document.addEventListener(kind, (event) => {
  const target = event.target.closest?.(selector);
  if (target && !event.ctrlKey && !event.metaKey && !event.shiftKey) listen(event, target);
});
const ready = () => document.querySelectorAll(".copy, form.script").forEach((each) => { each.hidden = each.matches(".copy") && !navigator.clipboard; });

// The parts as the server last gave them: what the page shows may have been changed since.
const served = new Map();
const parts = (from) => [...from.querySelectorAll("[data-part]")];
for (const part of parts(document)) served.set(part.id, part.outerHTML);
const key = (element) => element.tagName + ((!element.closest("thead") && element.getAttribute("href")) || element.id || element.textContent);
// Exchange a part. Where the focus is, and what is folded out, stays.
const put = (old, part, before) => {
  const focus = old?.contains(document.activeElement) && key(document.activeElement);
  const open = old ? [...old.querySelectorAll("details[open]>summary")].map(key) : [];
  const made = document.importNode(part, true);
  old ? old.replaceWith(made) : before ? before.after(made) : $("main").prepend(made);
  for (const summary of made.querySelectorAll("summary")) if (open.includes(key(summary))) summary.parentElement.open = true;
  if (focus) [...made.querySelectorAll("a,input,button,summary")].find((element) => key(element) === focus)?.focus();
  return made;
};
const exchange = (text, only) => {
  const next = new DOMParser().parseFromString(text, "text/html"), there = new Set();
  let before = null;
  for (const part of parts(next)) {
    there.add(part.id);
    const searched = part.id === "devices" && wanted && location.pathname === "/", html = part.outerHTML;
    if ((only ? only === part.id : !searched) && served.get(part.id) !== html) {
      put($(part.id), part, before).classList.toggle("new", part.id !== "devices");
      served.set(part.id, html);
    }
    before = $(part.id) ?? before;
  }
  if (only) return;
  for (const part of parts(document)) if (!there.has(part.id)) part.remove();
  document.title = next.title;
  document.body.classList.toggle("stale", next.body.classList.contains("stale"));
  const banner = next.querySelector("body>.banner"), shown = document.querySelector("body>.banner");
  if (banner?.textContent === shown?.textContent) return;
  shown?.remove();
  if (banner) $("main").before(document.importNode(banner, true));
};

// The table: the server searches and sorts; a file hides its rows.
let wanted = location.pathname === "/devices" ? location.search : "", typing = 0;
const table = async (query) => {
  wanted = query;
  const answer = await fetch("/devices" + query);
  if (!answer.ok || wanted !== query) return;
  exchange(await answer.text(), location.pathname === "/" && "devices");
  if (location.pathname === "/devices") history.replaceState(null, "", query);
};
const has = (row, word) => {
  const [, kind, value] = word.match(/^(group|answer|numa):(.*)/) ?? [], cell = row.cells[{ group: 3, answer: 4, numa: 5 }[kind]];
  return cell ? cell.textContent.replace(/^\W /, "").replace(" ", "-") === value : row.textContent.toLowerCase().includes(word);
};
const search = async (input) => {
  const words = input.value.toLowerCase().split(/\s+/), rows = [...document.querySelectorAll("#devices tbody tr")];
  if (alone) {
    for (const row of rows) row.hidden = !words.every((word) => has(row, word));
    $("matching").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} devices`;
    return;
  }
  await table("?" + new URLSearchParams(new FormData(input.form)));
  const now = $("q"), place = input.selectionStart;
  if (document.activeElement === now) { now.value = input.value; now.setSelectionRange(place, place); }
};
at("#q", (event, input) => { clearTimeout(typing); typing = setTimeout(search, 120, input); }, "input");
at("#devices form", (event) => { event.preventDefault(); search($("q")); }, "submit");
at("#devices a[href^='/devices?']", (event, link) => { event.preventDefault(); table(link.search); }, "click");
at(".copy", (event, button) => navigator.clipboard
  .writeText(button.closest(".card").querySelector(".ticket pre").textContent)
  .then(() => { button.textContent = "Copied"; }), "click");

// The map: a cell is found by its place, as most are no elements of their own.
const words = { n: "no", u: "unknown", o: "yes-by-override", y: "yes", x: "not attachable" };
const known = new WeakMap();
const cells = (svg) => {
  if (known.has(svg)) return known.get(svg);
  const names = svg.dataset.names.split("\n"), groups = [], answers = [];
  for (const span of svg.dataset.groups.split(" ")) {
    const [from, to] = span.split("-").map(Number);
    for (let group = from; group <= (to ?? from); group++) groups.push(group);
  }
  for (const [, letter, count] of svg.dataset.answers.matchAll(/([a-z])(\d+)/g)) answers.push(...Array(+count).fill(words[letter]));
  const all = groups.map((group, place) => ({ group, name: names[place], answer: answers[place] }));
  known.set(svg, all);
  return all;
};
const point = (svg, place) => {
  const cell = cells(svg)[place], columns = +svg.dataset.columns;
  if (!cell) return;
  svg.dataset.at = place;
  $("cell").textContent = `group ${cell.group} · ${svg.dataset.bus}${cell.name && ":" + cell.name} · ${cell.answer}`;
  document.querySelector("#map .at")?.remove();
  const mark = document.createElementNS(svg.namespaceURI, "rect");
  const box = { class: "at", x: place % columns * 8, y: Math.floor(place / columns) * 8, width: 7.5, height: 8 };
  for (const name in box) mark.setAttribute(name, box[name]);
  svg.append(mark);
};
const under = (event, svg) => {
  const box = svg.getBoundingClientRect(), pitch = 8 * box.width / svg.viewBox.baseVal.width;
  return Math.floor((event.clientY - box.top) / pitch) * svg.dataset.columns + Math.floor((event.clientX - box.left) / pitch);
};
const open = (event, cell) => { if (cell && !alone) { event.preventDefault(); location.href = "/groups/" + cell.group; } };
at(".bus svg", (event, svg) => point(svg, under(event, svg)), "pointermove");
at(".bus svg", (event, svg) => event.detail && open(event, cells(svg)[under(event, svg)]), "click");
at(".bus .all", (event, link) => {
  const svg = link.firstElementChild, columns = +svg.dataset.columns, place = +(svg.dataset.at ?? -1);
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  if (event.key === "Enter") open(event, cells(svg)[place]);
  if (!step) return;
  event.preventDefault();
  point(svg, Math.min(Math.max(place + (place < 0 ? 1 : step), 0), cells(svg).length - 1));
}, "keydown");

// Life: an event says that something changed; then the page is asked for again.
const says = (text, lost) => { const live = $("live"); if (live) { live.textContent = text; live.classList.toggle("lost", lost); } };
const silent = () => says(" · the daemon does not answer: this is what it last said", true);
let asking = false, again = false, last = "";
const renew = async () => {
  again = asking;
  if (asking) return;
  asking = true;
  try {
    const here = location.pathname === "/devices" ? "/devices" + wanted : location.pathname;
    const answer = await fetch(here, { headers: { accept: "text/html" }, cache: "no-cache" }), text = await answer.text();
    if (text !== last) { exchange(text); if (wanted && location.pathname === "/") await table(wanted); }
    last = text;
    says(answer.ok ? " · renews itself" : " · the daemon has no answer now", !answer.ok);
    if (!answer.ok || $("map")?.hasAttribute("data-reading")) setTimeout(renew, 1000);
  } catch { silent(); }
  asking = false;
  ready();
  if (again) renew();
};
ready();
if (!alone) {
  const events = new EventSource("/v1/events"), kinds = "boot kernel policy remapping override evidence finding_appeared finding_cleared outcome " +
    "group_appeared group_vanished membership ungrouped driver renumbered reset stale";
  for (const kind of kinds.split(" ")) events.addEventListener(kind, renew);
  events.onopen = renew;
  events.onerror = silent;
  setInterval(() => { if (!document.hidden) renew(); }, 4000);
}
