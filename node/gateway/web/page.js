// Keeps the page live: asks for the status every two seconds while it can be seen.
"use strict";

const texts = document.body.dataset;

function setText(node, text) {
  if (node && node.textContent !== String(text)) node.textContent = text;
}

function showLedger(ledger) {
  const lost = ledger.total.lost;
  const verdict = document.getElementById("verdict");
  verdict.className = lost ? "bad" : "good";
  setText(verdict, lost ? `${texts.somethingLost}: ${lost}` : texts.nothingLost);
  for (const cell of document.querySelectorAll("[data-total]")) setText(cell, ledger.total[cell.dataset.total]);
  for (const row of ledger.rows) {
    const tr = document.querySelector(`tr[data-class="${row.class}"]`);
    if (tr) [row.accepted, row.on_hub, row.waiting, row.shed, row.lost].forEach((n, i) => setText(tr.cells[i + 1], n));
  }
}

function item(parts, className) {
  const li = document.createElement("li");
  if (className) li.className = className;
  for (const [tag, text, cls] of parts) {
    const e = document.createElement(tag);
    e.textContent = text;
    if (cls) e.className = cls;
    li.append(e, " ");
  }
  return li;
}

function showHub(hub) {
  const body = document.querySelector("#hub tbody");
  if (!body || !hub) return;
  body.replaceChildren(...hub.streams.map((s) => {
    const tr = document.createElement("tr");
    const th = document.createElement("th");
    th.scope = "row";
    const name = document.createElement("bdi");
    name.textContent = `${s.site} · ${s.name}`;
    th.append(name);
    tr.append(th);
    for (const n of [s.received, s.skipped]) tr.insertCell().textContent = n;
    return tr;
  }));
}

function show(s) {
  showLedger(s.ledger);
  showHub(s.hub);
  const link = document.getElementById("link");
  link.className = s.link.connected ? "good" : "quiet";
  setText(link, s.link.connected ? texts.connected : s.link.joined ? texts.offline : texts.notJoined);
  document.getElementById("recent").replaceChildren(...(s.recent || []).map((r) =>
    item([["time", r.time.slice(11, 19)], ["bdi", r.subject], ["bdi", r.text, "quiet"]])));
  document.getElementById("parts").replaceChildren(...(s.parts || []).map((p) =>
    item([["bdi", p.name], ["bdi", p.hint ? `${p.msg} (${p.hint})` : p.msg, "quiet"]], p.level)));
}

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch("v1/status", { cache: "no-store" });
    if (answer.ok) show(await answer.json());
  } catch {
    setText(document.getElementById("link"), texts.offline);
  }
}

setInterval(refresh, 2000);
