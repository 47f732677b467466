"use strict";
// Whatever callers, clients and 1C wrote gets here as text and stays text: no markup is ever made of it.
const RESULTS = ["found", "unknown", "skipped", "late", "failed"];
const MAX_CALLS = 200, AT_FIRST = 40, ON_A_PHONE = 12, LONGEST_CALL = 4 * 3600e3, MAX_BOARD = 120, STATE_EVERY = 5000, AWAY_AFTER = 8000;
const $ = id => document.getElementById(id);
const remembered = {
  get(key) { try { return localStorage.getItem("fs-1c." + key); } catch { return null; } },
  set(key, value) { try { localStorage.setItem("fs-1c." + key, value); } catch { /* a browser that forbids it */ } },
};
const asked = new URLSearchParams(location.search);
let lang = asked.get("lang") || remembered.get("lang") || document.documentElement.lang;
if (!(lang in WORDS)) lang = "en";
let mask = asked.has("mask") ? !["", "0"].includes(asked.get("mask")) : remembered.get("mask") === "1";
let state = null, board = null, journal = null, source = null, lastId = "", missed = 0, awayTimer = 0, drawing = false;
let here = false, filled = false, most = 0;
const calls = new Map();  // uuid → call, as the journal has it
const opened = new Set();  // uuids whose details are shown

const t = (word, n) => (WORDS[lang][word] ?? word).replace("{n}", n);
// Control characters, direction overrides and halves of letters are shown as what they are: out of place.
const clean = text => String(text ?? "").replace(/[\p{C}\u2028\u2029]/gu, "\u00b7");
const decimals = (value, digits) => value.toLocaleString(lang, { maximumFractionDigits: digits });
const ms = value => value >= 10000 ? `${decimals(value / 1000, 1)}\u00a0${t("s")}` : `${decimals(value, value < 10 ? 1 : 0)}\u00a0${t("ms")}`;
const clock = when => clean(when).slice(11, 19);
const day = when => { const [y, m, d] = clean(when).slice(0, 10).split("-"); return lang === "ru" ? `${d}.${m}.${y}` : `${y}-${m}-${d}`; };

const isToday = when => clean(when).slice(0, 10) === new Date().toLocaleDateString("sv");

const duration = seconds => {
  const whole = Math.max(0, Math.round(seconds)), pad = n => String(n).padStart(2, "0");
  const [h, m, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${pad(m)}:${pad(rest)}` : m ? `${m}:${pad(rest)}` : `${rest}\u00a0${t("s")}`;
};
const age = seconds => {
  for (const [unit, size] of [["d_", 86400], ["h_", 3600], ["min_", 60]]) if (seconds >= 2 * size) return `${Math.round(seconds / size)}\u00a0${t(unit)}`;
  return `${Math.round(seconds)}\u00a0${t("s")}`;
};

function el(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children.filter(child => child !== null));
  return made;
}
const words = (name, className, text) => el(name, className, clean(text));

// How the bases and the doors are.

function tile(title, tone, value, ...lines) {
  return el("div", `tile ${tone}`, words("div", "tile-title", title), words("div", "tile-value", value),
    ...lines.map(line => typeof line === "string" ? words("div", "tile-line", line) : line));
}

function drawState() {
  if (!state) return;
  $("version").textContent = state.version;
  $("leave").hidden = !state.closable;
  $("dial").hidden = !state.page;
  const tones = { closed: "good", open: "bad", "half-open": "warn" };
  const tiles = Object.entries(state.bases).map(([name, base]) => {
    const share = base.sessions_allowed ? base.sessions / base.sessions_allowed : 0;
    const fill = el("i", share >= 1 ? "full" : "");
    fill.style.width = `${Math.min(100, share * 100)}%`;
    return tile(`${t("base")} ${name}`, tones[base.breaker] || "warn", t(`breaker_${base.breaker}`),
      ...(base.breaker === "closed" ? [] : [`${t("breaker")}: ${t(base.breaker)}${base.since ? `, ${t("since")} ${clock(base.since)}` : ""}`]),
      ...(base.why ? [base.why] : []),
      `${t("sessions")}: ${base.sessions} / ${base.sessions_allowed}`, el("div", "meter", fill),
      `${t("remembered")}: ${decimals(base.remembered, 0)}`);
  });
  for (const [name, up] of Object.entries(state.doors)) {
    tiles.push(tile(`${t("door")} ${name}`, up ? "good" : "bad", t(up ? "up" : "down")));
  }
  for (const [name, at] of Object.entries(state.switches)) {
    const acts = at.role === "own" || at.owner === "gone";
    const tone = !at.connected ? "bad" : at.owner === "present" ? "good" : "warn";
    tiles.push(tile(`${t("switch_")} ${name}`, tone, t(!at.connected ? "down" : acts ? "acts" : at.owner === "present" ? "standsBy" : "ownUnknown"),
      t(`role_${at.role}`), ...(at.role === "reserve" ? [`${t("ownService")}: ${t(`owner_${at.owner}`)}`] : [])));
  }
  if (state.redis) {
    tiles.push(tile("Redis", state.redis.up ? "good" : "bad", t(state.redis.up ? "up" : "down"),
      ...(state.cards_unshared ? [`${t("unshared")}: ${decimals(state.cards_unshared, 0)}`] : [])));
  }
  if (state.history) {
    const told = state.history, bad = told.disk !== "well" || told.lost > 0;
    const waits = Object.entries(told.bases), words_ = waits.reduce((sum, [, base]) => sum + base.words, 0);
    const old = waits.some(([, base]) => base.oldest_s > 900);
    tiles.push(tile(t("history"), bad ? "bad" : old || words_ > 1000 ? "warn" : "good", words_ ? t("waits_", decimals(words_, 0)) : t("historyNone"),
      ...waits.map(([name, base]) => `${name}: ${decimals(base.words, 0)}, ${t("oldest")} ${age(base.oldest_s)}${base.error ? `, ${base.error}` : ""}`),
      ...(told.disk !== "well" ? [`${t(`disk_${told.disk}`)}${told.disk_error ? `: ${told.disk_error}` : ""}`] : []), ...(told.lost ? [`${t("lost")}: ${decimals(told.lost, 0)}`] : [])));
  }
  const lost = state.journal.rows_lost;
  tiles.push(tile(t("journal"), lost ? "warn" : "", t(state.journal.kept ? "journalKept" : "journalOff"),
    ...(lost ? [`${t("rowsLost")}: ${decimals(lost, 0)}`] : [])));
  $("state").replaceChildren(...tiles);
}

// Calls: of the feed and of the journal alike.

function decisionPills(decision) {
  const shown = [words("span", `pill r-${RESULTS.includes(decision.result) ? decision.result : "skipped"}`, t(`${decision.result}_`))];
  const why = decision.error && ["late", "failed", "skipped"].includes(decision.result) ? decision.error.kind : "";
  const from = decision.source in { "1c": 1, cache: 1, stale: 1, shared: 1 } ? t(`from_${decision.source}`) : "";
  if (why || from) shown.push(words("span", "dim", why && why !== "skipped" ? why : from || t(decision.error.message)));
  const target = words("span", decision.target ? "target" : "dim", `→ ${decision.target ? plain(decision.target) : t("dialplan")}`);
  target.title = clean(decision.target);
  shown.push(target);
  return shown;
}

// Whom a dial string rings, in its order, and for how long: "[leg_timeout=20]user/244@pbx|user/100@pbx" → "244, 20 s → 100".
function plain(target) {
  const parts = target.match(/(?:\[[^\]]*\]|\{[^}]*\}|<[^>]*>|[^,|])+|[,|]/g) ?? [];
  return parts.map(part => {
    if (part === "|") return " → ";
    if (part === ",") return " + ";
    const seconds = /\bleg_timeout=(\d{1,4})/.exec(part)?.[1];
    const bare = part.replace(/\[[^\]]*\]|\{[^}]*\}|<[^>]*>/g, "");
    const who = /^user\/([^@]+)/.exec(bare) ?? /^sofia\/gateway\/[^/]+\/(.+)/.exec(bare) ?? /^sofia\/[^/]+\/(?:sips?:)?([^@;]+)/.exec(bare);
    return `${who ? who[1] : bare}${seconds ? `, ${seconds}\u00a0${t("s")}` : ""}`;
  }).join("");
}

// Not ended, as far as a service tells that hears the switch.
const isUp = call => call.live && !call.ends.length && state?.listens && Date.now() - Date.parse(call.when) < LONGEST_CALL;

function popPill(pop) {
  const tone = pop.outcome === "accepted" ? "r-found" : ["skipped", "elsewhere"].includes(pop.outcome) ? "r-skipped"
    : pop.outcome === "unknown" ? "r-late" : "r-failed";
  return words("span", `pill ${tone}`, `${pop.extension} ${t(pop.outcome)}${pop.by ? ` ${pop.by}` : ""}`);
}

function endPill(end) {
  if (end.answered) return words("span", "pill r-found", `${end.talked} ${lasted(end)}`);
  const how = outcome(end);
  return words("span", `pill ${{ missed: "r-failed", endUnknown: "r-late" }[how] ?? "r-unknown"}`, t(how));
}

// Of a call that nobody talked in, as far as anybody has heard; and at the most how long one was in which somebody did.
const outcome = end => end.unheard ? "endUnknown" : end.missed ? "missed" : "noAnswer";
const lasted = end => `${end.unheard ? "≤\u00a0" : ""}${duration(end.talked_ms / 1000)}`;

function row(call) {
  const last = call.decisions.at(-1);
  const title = !last ? "" : last.title === null ? t("notKept") : last.title || (last.result === "found" ? t("nameless") : "");
  const pops = call.pops.slice(0, 3).map(popPill), end = call.ends.at(-1), up = isUp(call);
  if (call.pops.length > 3) pops.push(words("span", "dim", t("more", call.pops.length - 3)));
  const summary = el("summary", "call",
    el("span", "when", words("span", isToday(call.when) ? "day today" : "day", day(call.when)), " ", clock(call.when)),
    words("span", "number", call.number || t("withheld")),
    el("span", "client", words("bdi", "", title), last && last.category && last.category !== "0" ? words("span", "tag", last.category) : null),
    el("span", "decision", ...(last ? decisionPills(last) : [words("span", "dim", t("noDecision"))])),
    el("span", "added", last ? ms(last.took_ms) : ""),
    el("span", "cards", ...(up ? [words("span", "pill up", t("isUp"))] : end ? [endPill(end)] : []), ...pops,
      pops.length || up || (end && !end.answered) ? null : words("span", "dim", t("noCard"))));
  const details = el("details", "", summary);
  details.dataset.call = call.call;
  details.open = opened.has(call.call);
  if (details.open) details.append(more(call));
  // Not by "toggle", which comes later: the list may have been drawn anew by then.
  summary.addEventListener("click", () => {
    if (details.open) return void opened.delete(call.call);
    opened.add(call.call);
    if (!details.querySelector("dl")) details.append(more(call));
  });
  return details;
}

// Over many calls, where there is room for it.
const heads = () => el("div", "call heads", ...["when", "number", "client", "decision", "added_", "talkCard"].map(word => words("span", "", t(word))));

function more(call) {
  const list = el("dl", "");
  const tell = (word, value) => { if (value) list.append(words("dt", "", t(word)), el("dd", "", words("bdi", "", value))); };
  const failure = error => error ? [error.kind, error.message].filter(Boolean).join(": ") : "";
  tell("uuid", call.call);
  for (const d of call.decisions) {
    tell("decision", `${day(d.when)} ${clock(d.when)} · ${t(`${d.result}_`)} · ${t("added")} ${ms(d.took_ms)}` +
      (d.onec_took_ms === null ? "" : ` · ${t("onecTime")} ${ms(d.onec_took_ms)}`));
    tell("base", d.base); tell("destination", d.destination); tell("askedAs", d.asked_as);
    tell("category", d.category); tell("manager", d.manager);
    tell("target", d.target || t("dialplan")); tell("why", d.why); tell("error", failure(d.error));
  }
  for (const pop of call.pops) {
    const marks = [pop.ringing && t("ringing"), pop.outgoing && t("outgoing")].filter(Boolean);
    tell("card", [`${day(pop.when)} ${clock(pop.when)}`, `${pop.extension} ${t(pop.outcome)}`, `${t("took")} ${ms(pop.took_ms)}`, ...marks]
      .concat(pop.age_ms >= 1000 ? [`${t("heardAfter")} ${ms(pop.age_ms)}`] : []).join(" · "));
    tell("switch_", pop.switch); tell("by", pop.by); tell("leg", pop.leg); tell("error", failure(pop.error));
  }
  for (const end of call.ends) {
    const how = end.answered ? `${t("talked")} ${end.talked}, ${lasted(end)}` : t(outcome(end));
    tell("ended", `${day(end.when)} ${clock(end.when)} · ${how}${end.unheard ? ` · ${t("endUnheard")}` : ""}`);
    if (!end.answered) tell("rang", end.rang);
    tell("cause", end.cause);
    if (/^https?:\/\//.test(end.recording ?? "")) {
      const link = words("a", "", end.recording);
      link.href = end.recording; link.target = "_blank"; link.rel = "noreferrer";
      list.append(words("dt", "", t("recording")), el("dd", "", link));
    }
  }
  for (const word of call.told ?? []) {
    tell("told", [`${day(word.when)} ${clock(word.when)}`, `${word.state} ${word.extension ?? ""}`.trim(), t(`told_${word.outcome}`), word.base, failure(word.error)].filter(Boolean).join(" · "));
  }
  return list;
}

const troubled = call => call.decisions.some(d => ["late", "failed"].includes(d.result))
  || call.pops.some(pop => !["accepted", "skipped", "elsewhere"].includes(pop.outcome));

function drawCalls() {
  const latest = [...calls.values()].reverse().sort((a, b) => a.when < b.when ? 1 : a.when > b.when ? -1 : 0);
  for (const call of latest.splice(MAX_CALLS)) calls.delete(call.call);
  const only = $("troubles").checked, shown = only ? latest.filter(troubled) : latest;
  const focused = $("calls").contains(document.activeElement) ? document.activeElement.parentElement.dataset.call : null;
  const few = most || (innerWidth <= 760 ? ON_A_PHONE : AT_FIRST);
  $("more").hidden = shown.length <= few;
  $("more").textContent = t("showMore", shown.length - few);
  $("calls").replaceChildren(...(shown.length ? [heads(), ...shown.slice(0, few).map(row)] : [words("p", "empty", t(only && latest.length ? "noTroubles" : "noCalls"))]));
  if (focused) $("calls").querySelector(`[data-call="${CSS.escape(focused)}"] > summary`)?.focus({ preventScroll: true });
  $("gap").hidden = !missed;
  $("gap").textContent = t("gap", missed);
}

function drawChart() {
  const decisions = [...calls.values()].flatMap(call => call.decisions.map(d => ({ ...d, of: call.number })))
    .sort((a, b) => a.when < b.when ? -1 : a.when > b.when ? 1 : 0);
  const width = Math.max(280, $("chart").clientWidth);
  const title = d => clean(`${clock(d.when)} ${d.of || t("withheld")}: ${t(`${d.result}_`)}, ${t("added")} ${ms(d.took_ms)}` +
    (d.onec_took_ms === null ? "" : `, ${t("onecTime")} ${ms(d.onec_took_ms)}`));
  $("chart").replaceChildren(decisions.length
    ? chart(decisions, state ? state.deadline_ms : 800, width, ms, title, t("deadline"), d => isToday(d.when) ? clock(d.when) : `${day(d.when)} ${clock(d.when)}`) : words("p", "empty", t("noTimes")));
}

function drawJournal() {
  $("found").hidden = journal === null;
  if (journal === null) return;
  const failed = typeof journal === "string";
  $("found").textContent = failed ? `${t("failed_search")}: ${clean(journal)}` : journal.length ? t("found", journal.length) : t($("missed").checked ? "noMissed" : "nothing");
  $("found").className = failed ? "note wrong" : "note";
  $("entries").replaceChildren(...(failed || !journal.length ? [] : [heads(), ...journal.map(row)]));
}

function drawWords() {
  document.documentElement.lang = lang;
  for (const one of document.querySelectorAll("[data-t]")) one.textContent = t(one.dataset.t);
  for (const one of document.querySelectorAll("[data-p]")) { one.placeholder = t(one.dataset.p); one.setAttribute("aria-label", t(one.dataset.p)); }
  $("lang").textContent = t("otherLang").toUpperCase();
  $("lang").title = t("other");
  $("lang").setAttribute("aria-label", t("other"));
  $("mask").checked = mask;
  live(source && source.readyState === EventSource.OPEN ? "live" : "wait");
  drawState(); drawBoard(); drawChart(); drawCalls(); drawJournal();
}

function drawSoon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => { drawing = false; drawChart(); drawCalls(); });
}

// What the service tells.

function live(how) {
  $("live").className = `pill ${how}`;
  $("live").textContent = t(how);
}

function take(told) {
  const known = calls.get(told.call);
  if (!known) return void calls.set(told.call, { ...told, live: true });
  known.decisions.push(...told.decisions);
  known.pops.push(...told.pops);
  known.ends.push(...told.ends);
  if (told.when < known.when) known.when = told.when;
  if (told.decisions.length || (!known.number && told.number)) known.number = told.number;
}

function listen() {
  if (source) source.close();
  source = new EventSource(`/events?mask=${mask ? 1 : 0}&after=${encodeURIComponent(lastId)}`);
  source.onopen = () => { clearTimeout(awayTimer); awayTimer = 0; live("live"); };
  source.onmessage = event => {
    // Of a service that was started anew: of the calls of before it may not hear the end.
    if (lastId.split("-")[0] !== event.lastEventId.split("-")[0]) for (const call of calls.values()) call.live = false;
    lastId = event.lastEventId; take(JSON.parse(event.data)); drawSoon();
  };
  source.addEventListener("here", () => { here = true; fill(); });
  source.addEventListener("gap", event => { missed += JSON.parse(event.data).missed; drawSoon(); });
  source.onerror = () => {
    // It comes again by itself, and does so every few seconds; but not after an answer that is none.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => { if (!document.hidden) listen(); }, STATE_EVERY);
    awayTimer = awayTimer || setTimeout(() => live("away"), AWAY_AFTER);
  };
}

// The calls of before this service was started, once it has told of its own.
async function fill() {
  if (filled || !here || !state?.journal.kept) return;
  filled = true;
  try {
    for (const call of await fetched(`/journal?limit=${AT_FIRST}&mask=${mask ? 1 : 0}`)) if (!calls.has(call.call)) calls.set(call.call, call);
    drawSoon();
  } catch { /* there is none, or it cannot be read: whoever searches it is told */ }
}

// Who can take a call.

function drawBoard() {
  const known = board !== null && board.subscribers.length > 0;
  $("subscribers").hidden = !known;
  if (!known) return;
  const counts = {};
  for (const of of Object.values(board.switches)) for (const [name, count] of Object.entries(of.subscribers)) counts[name] = (counts[name] ?? 0) + count;
  $("counts").textContent = [
    ...Object.entries(counts).map(([name, count]) => `${t(`is_${name}`)}: ${decimals(count, 0)}`),
    ...Object.entries(board.switches).filter(([, of]) => !of.heard).map(([name]) => `${clean(name)}: ${t("unheard")}`),
  ].join(" · ");
  const several = Object.keys(board.switches).length > 1;
  $("board").replaceChildren(...board.subscribers.map(one => tile(
    [one.extension, several ? one.switch : ""].filter(Boolean).join(" · "), { busy: "warn", away: "bad", free: "good" }[one.state] ?? "",
    t(`is_${one.state}`),
    ...(one.since ? [[one.declines ? t("declines") : one.whom ?? "", `${t("since")} ${clock(one.since)}`].filter(Boolean).join(" · ")] : []))));
}

async function readBoard() {
  try { board = state.listens ? await fetched(`/presence.json?limit=${MAX_BOARD}&mask=${mask ? 1 : 0}`) : null; drawBoard(); } catch { /* the pill tells */ }
}

async function fetched(path) {
  const answer = await fetch(path, { cache: "no-store" });
  if (answer.status === 401) location.reload();
  if (!answer.ok) throw new Error((await answer.text()).trim());
  return answer.json();
}

async function readState() {
  if (document.hidden) return;
  try { state = await fetched(`/state?mask=${mask ? 1 : 0}`); drawState(); drawSoon(); fill(); readBoard(); } catch { /* the pill tells */ }
}

async function search(event) {
  if (event) event.preventDefault();
  const query = new URLSearchParams({ mask: mask ? 1 : 0, number: $("number").value.trim(), call: $("call").value.trim(), missed: $("missed").checked ? 1 : 0 });
  try { journal = await fetched(`/journal?${query}`); } catch (error) { journal = error.message; }
  drawJournal();
}

async function dial(event) {
  event.preventDefault();
  const told = { number: $("client").value.trim(), extension: $("extension").value.trim() };
  $("dialled").textContent = "…";
  try {
    const headers = { "Content-Type": "application/json", "X-FS-1C-Page": state.page };
    const answer = await fetch("/call", { method: "POST", headers, body: JSON.stringify(told) });
    if (answer.status === 401) location.reload();
    $("dialled").textContent = clean((await answer.json()).message);
  } catch { $("dialled").textContent = t("away"); }
}

function anew() {
  calls.clear(); lastId = ""; missed = 0; here = filled = false;
  listen(); readState();
  if (journal !== null) search();
}

$("lang").addEventListener("click", () => { lang = t("otherLang"); remembered.set("lang", lang); drawWords(); });
$("mask").addEventListener("change", () => { mask = $("mask").checked; remembered.set("mask", mask ? "1" : "0"); drawCalls(); anew(); });
$("more").addEventListener("click", () => { most = MAX_CALLS; drawCalls(); });
$("troubles").addEventListener("change", drawCalls);
$("search").addEventListener("submit", search);
$("dial").addEventListener("submit", dial);
$("missed").addEventListener("change", () => search());
addEventListener("resize", drawSoon);
// What a browser keeps of a page that was left is not for whoever goes back to it: he may be signed out.
addEventListener("pageshow", event => { if (event.persisted) location.reload(); });
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { source.close(); live("paused"); } else { live("wait"); listen(); readState(); }
});
drawWords();
listen();
readState();
setInterval(readState, STATE_EVERY);
