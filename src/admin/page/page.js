// Asks api/status every few seconds and shows the answer. All that comes from it is set as text, never as markup.
"use strict";

const everyMs = 3000;
const patienceMs = 5000;
let answeredAt = null;

const at = (id) => document.getElementById(id);

function setText(element, text) {
  // A screen reader is told of a change, and not of the same once more.
  if (element.textContent !== text) element.textContent = text;
}

function make(kind, text, className) {
  const element = document.createElement(kind);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

const whole = (number) => Math.round(number).toLocaleString("en-US");

function bytes(number) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let at = 0;
  while (number >= 1000 && at + 1 < units.length) { number /= 1000; at += 1; }
  return (at === 0 ? whole(number) : number.toFixed(1)) + "\u00a0" + units[at];
}

function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 120) return s + " s";
  if (s < 7200) return Math.floor(s / 60) + " min";
  if (s < 172800) return Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min";
  return Math.floor(s / 86400) + " d " + Math.floor(s % 86400 / 3600) + " h";
}

const ago = (time, now) => time === null ? "none yet" : span(now - time) + " ago";

// A cell is a text, or [text, class].
function row(first, cells) {
  const line = make("tr");
  const head = make("th", first);
  head.scope = "row";
  line.append(head);
  for (const cell of cells) {
    const [text, className] = Array.isArray(cell) ? cell : [cell, "number"];
    line.append(make("td", text, className));
  }
  return line;
}

function fill(id, rows, columns, nothing) {
  if (rows.length === 0) {
    const line = make("tr");
    const cell = make("td", nothing);
    cell.colSpan = columns;
    line.append(cell);
    rows = [line];
  }
  at(id).replaceChildren(...rows);
}

function rate(history, values) {
  return values.length === 0 ? 0 : values[values.length - 1] / history.interval_s;
}

function chart(title, values, seconds, shown) {
  const space = "http://www.w3.org/2000/svg";
  const figure = make("figure");
  const most = Math.max(...values, 0);
  const last = values.length ? values[values.length - 1] : 0;
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 100 100");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", title + " over the last " + span(seconds) + ": now " + shown(last) + ", at most " + shown(most));
  if (values.length > 1) {
    const step = 100 / (values.length - 1);
    const points = values.map((value, i) => (i * step).toFixed(2) + " " + (98 - 96 * (most ? value / most : 0)).toFixed(2));
    const path = document.createElementNS(space, "path");
    path.setAttribute("d", "M0 101 L" + points.join(" L") + " L100 101 Z");
    svg.append(path);
  }
  figure.append(make("figcaption", title + ": " + shown(last) + ", at most " + shown(most) + " in " + span(seconds)), svg);
  return figure;
}

function showCharts(history) {
  const seconds = history.records.length * history.interval_s;
  const perSecond = (values) => values.map((value) => value / history.interval_s);
  at("charts").replaceChildren(
    chart("Records a second", perSecond(history.records), seconds, whole),
    chart("Bytes a second", perSecond(history.bytes), seconds, bytes),
    chart("Lag in records", history.lag_records, seconds, whole));
}

function showNow(status) {
  const history = status.history;
  const sum = (name) => status.workers.reduce((total, worker) => total + worker[name], 0);
  const used = status.stage.limit_bytes ? 100 * status.stage.bytes / status.stage.limit_bytes : 0;
  const tiles = [
    ["Lag", whole(status.lag_records) + " records" +
      (status.lag_seconds === null ? "" : ", " + span(status.lag_seconds))],
    ["Read", whole(rate(history, history.records)) + " records/s, " + bytes(rate(history, history.bytes)) + "/s"],
    ["Landed", whole(status.records) + " records, " + bytes(status.bytes)],
    ["Files", whole(status.files)],
    ["Last file", ago(status.last_file, status.now)],
    ["Stage", bytes(status.stage.bytes) + " of " + bytes(status.stage.limit_bytes) + " (" + used.toFixed(0) + " %)"],
    ["Stage was full for", span(status.stage.full_s)],
    [status.state === "ready" ? "Ready for" : "Not ready for", status.state_since === null ? "not known" : span(status.now - status.state_since)],
    ["Batches", sum("open_batches") + " open, " + sum("publishing_batches") + " on the way"],
  ];
  at("now").replaceChildren(...tiles.map(([name, value]) => {
    const tile = make("div");
    tile.append(make("dt", name), make("dd", value));
    return tile;
  }));
}

function showTopics(status) {
  const behind = (seconds) => seconds === null ? "not known" : span(seconds);
  fill("topics", status.topics.map((topic) => row(topic.topic, [
    whole(topic.partition_count), whole(topic.lag_records), behind(topic.lag_seconds),
    topic.landed_until === null ? "not known" : ago(topic.landed_until, status.now), whole(topic.read_per_second),
    whole(topic.records),
    bytes(topic.bytes), whole(topic.files),
    topic.refused ? ["refused by the storage", "refused"] :
      ago(topic.last_file, status.now) + (topic.quarantined ? ", " + whole(topic.quarantined) + " in quarantine" : ""),
  ])), 10, "No partition has been assigned yet.");
  const known = (number) => number === null ? "not known" : whole(number);
  fill("partitions", status.topics.flatMap((topic) => topic.partitions.map((partition) => row(topic.topic, [
    String(partition.partition), whole(partition.committed), whole(partition.position), known(partition.log_end),
    known(partition.lag_records), behind(partition.lag_seconds),
  ]))), 7, "No partition is assigned.");
  setText(at("left-out"), status.partitions_left_out ? whole(status.partitions_left_out) + " more are not listed." : "");
}

function showWorkers(status) {
  fill("workers", status.workers.map((worker) => row(String(worker.worker), [
    whole(worker.partitions), whole(worker.open_batches), whole(worker.publishing_batches),
    worker.requests_under_way + " of " + worker.request_limit, bytes(worker.stage_bytes), worker.io_backend,
    worker.silent_s === null ? "not running" : span(worker.silent_s) + " ago",
  ])), 8, "No worker has started yet.");
}

function showTroubles(status) {
  const named = (list) => list.map((each) => each.name + " " + whole(each.count)).join(", ");
  setText(at("retries"), "Calls to the storage made again: " + (named(status.retries) || "none") +
    ". Answers that asked to slow down: " + (named(status.throttled) || "none") +
    ". Commits that failed: " + whole(status.commit_failures) + ".");
  fill("troubles", status.troubles.map((trouble) => row(ago(trouble.last, status.now), [
    whole(trouble.times), [trouble.level, trouble.level], [trouble.text, "words"],
  ])), 4, "None since the start.");
}

function show(status) {
  document.title = status.name + ": " + status.state + " - penstock";
  setText(at("name"), status.name);
  const state = at("state");
  state.className = "state " + status.state;
  const heads = { ready: "Ready", draining: "" };
  const head = heads[status.state] ?? "Not ready";
  setText(state, [head, status.reason].filter((words) => words !== "").join(": "));
  showNow(status);
  showCharts(status.history);
  showTopics(status);
  showWorkers(status);
  showTroubles(status);
  fill("configuration", status.configuration.map((line) => row(line.key, [
    [line.value, "words"], line.written ? "the file" : "default",
  ])), 3, "None.");
  setText(at("about"), "penstock " + status.version + ", up " + span(status.now - status.start_time) + ", " +
    span(status.cpu_seconds) + " of CPU, " + bytes(status.memory_bytes) + " of memory.");
}

function showSilence(why) {
  const state = at("state");
  state.className = "state silent";
  const then = answeredAt ? " The numbers are of " + answeredAt.toLocaleTimeString() + "." : "";
  setText(state, why + then);
}

async function ask() {
  try {
    const answer = await fetch("api/status", {cache: "no-store", signal: AbortSignal.timeout(patienceMs)});
    if (answer.status === 401) {
      showSilence("The service asks for its token: load the page anew.");
    } else if (!answer.ok) {
      showSilence("The service answers with an error, " + answer.status + ".");
    } else {
      const status = await answer.json();
      answeredAt = new Date();
      show(status);
    }
  } catch {
    showSilence("The service does not answer.");
  }
  setTimeout(ask, everyMs);
}

ask();
