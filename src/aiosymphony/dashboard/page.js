// Shows what /api/events sends. Text from files and servers becomes text nodes alone, never markup.
"use strict";

const byId = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const count = (value) => number.format(value);

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value) => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

const clock = (seconds) => new Date(seconds * 1000).toLocaleString("en-GB");

// A table whose rows are made anew: it holds nothing that can be focused or opened.
function fill(body, rows) {
  const text = JSON.stringify(rows);
  if (body.dataset.shown === text) return;
  body.dataset.shown = text;
  body.replaceChildren(...rows.map((cells) => {
    const row = element("tr");
    row.append(...cells.map(([value, className]) => element("td", className, value)));
    return row;
  }));
}

function table(label, heads) {
  const scroll = element("div", "scroll");
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", label);
  const made = element("table");
  const row = element("tr");
  row.append(...heads.map(([name, className]) => {
    const head = element("th", className, name);
    head.scope = "col";
    return head;
  }));
  const [head, body] = [element("thead"), element("tbody")];
  head.append(row);
  made.append(head, body);
  scroll.append(made);
  return [scroll, body];
}

const jobs = new Map();

function makeJob(job) {
  const card = element("article", "job");
  const title = element("h3");
  const [name, state] = [element("span", "", job.name), element("span", "state")];
  title.append(name, state);
  const target = element("p", "soft");
  const bar = element("progress");
  bar.setAttribute("aria-label", `rows of ${job.name} that are dealt with`);
  const figures = element("p", "figures");
  const why = element("p", "bad");
  const causes = element("details");
  const causesSummary = element("summary");
  const [causesTable, causesBody] = table(`causes of ${job.name}`, [["rows", "number"], ["cause"], ["what to do"]]);
  causes.append(causesSummary, causesTable);
  const shards = element("details");
  const shardsSummary = element("summary");
  const [shardsTable, shardsBody] = table(`shards of ${job.name}`, [
    ["shard", "number"], ["rows left", "number"], ["owner"], ["last seen", "number"], ["lease left", "number"],
    ["epoch", "number"],
  ]);
  shards.append(shardsSummary, shardsTable);
  card.append(title, target, bar, figures, why, causes, shards);
  return { card, state, target, bar, figures, why, causes, causesSummary, causesBody, shards, shardsSummary, shardsBody };
}

function showJob(shown, job) {
  setText(shown.state, job.state);
  shown.state.className = `state ${job.state}`;
  setText(shown.target, `${job.target} · ${job.input_name} · since ${clock(job.made_at)}`);
  shown.bar.max = Math.max(1, job.total);
  shown.bar.value = job.done;
  const left = job.total - job.done;
  const moving = job.state === "running" && job.rate;
  const figures = [
    `${count(job.done)} of ${count(job.total)} rows`,
    job.state === "running" && job.rate !== null ? `${count(Math.round(job.rate))} rows/s` : "",
    moving && left ? `about ${duration(left / job.rate)} left` : "",
    job.failures ? `${count(job.failures)} not done` : "",
    job.rows.IN_FLIGHT ? `${count(job.rows.IN_FLIGHT)} in flight` : "",
    job.owners.length ? job.owners.join(", ") : "",
    job.finished_at ? `ended ${clock(job.finished_at)}` : "",
  ].filter(Boolean);
  if (shown.figures.dataset.shown !== figures.join("\n")) {
    shown.figures.dataset.shown = figures.join("\n");
    shown.figures.replaceChildren(...figures.map((text) => element("span", "", text)));
  }
  setText(shown.why, job.stopped && !job.finished_at ? `a worker could not go on: ${job.stopped}` : "");
  shown.why.hidden = !shown.why.textContent;
  const causes = job.causes || [];
  shown.causes.hidden = !causes.length;
  setText(shown.causesSummary, `Why ${count(job.failures)} rows are not done`);
  fill(shown.causesBody, causes.map((cause) => [[count(cause.count), "number"], [cause.headline], [cause.advice]]));
  const shards = job.shard_list || [];
  shown.shards.hidden = shards.length < 1;
  const busy = shards.filter((shard) => shard.owner && shard.lease_left > 0).length;
  setText(shown.shardsSummary, `${count(job.shards)} shards, ${count(busy)} of them being worked on`);
  fill(shown.shardsBody, shards.map((shard) => [
    [String(shard.shard), "number"],
    [count(shard.left), "number"],
    [shard.owner || (shard.finished ? "finished" : "nobody")],
    [shard.owner && shard.seen_ago !== null ? duration(shard.seen_ago) : "", "number"],
    [shard.owner ? (shard.lease_left > 0 ? duration(shard.lease_left) : "ended") : "", "number"],
    [String(shard.epoch), "number"],
  ]));
}

function show(state) {
  setText(byId("where"), state.where || "");
  const list = byId("jobs");
  const there = new Set();
  (state.jobs || []).forEach((job, place) => {
    there.add(job.number);
    if (!jobs.has(job.number)) jobs.set(job.number, makeJob(job));
    const shown = jobs.get(job.number);
    showJob(shown, job);
    if (list.children[place] !== shown.card) list.insertBefore(shown.card, list.children[place] || null);
  });
  for (const [key, shown] of jobs) {
    if (!there.has(key)) {
      shown.card.remove();
      jobs.delete(key);
    }
  }
  byId("no-jobs").hidden = there.size > 0;
  const { workers, takeovers } = state;
  byId("workers-section").hidden = !workers;
  if (workers) {
    const alive = (worker) => worker.seen_ago < 30;
    fill(byId("workers"), workers.map((worker) => [
      [`process ${worker.pid} on ${worker.host}`],
      alive(worker) ? [worker.draining ? "draining" : "alive", worker.draining ? "open" : "good"] : ["silent", "bad"],
      [duration(worker.seen_ago), "number"],
      [worker.egress],
      [worker.version],
    ]));
    byId("no-workers").hidden = workers.some(alive);
  }
  byId("takeovers-section").hidden = !takeovers;
  if (takeovers) {
    fill(byId("takeovers"), takeovers.map((each) => [
      [clock(each.at)], [each.job], [String(each.shard), "number"], [each.before], [each.owner], [each.cause],
    ]));
    byId("no-takeovers").hidden = takeovers.length > 0;
  }
}

let readAt = 0;
let failure = "";

function tell() {
  const live = byId("live");
  const age = Date.now() / 1000 - readAt;
  if (failure || (readAt && age > 30)) {
    live.className = "stale";
    setText(live, `${failure || "no connection"}; as of ${readAt ? clock(readAt) : "never"}`);
  } else {
    live.className = "";
    setText(live, readAt ? "live" : "connecting …");
  }
}

const events = new EventSource("api/events");
events.onmessage = (event) => {
  const state = JSON.parse(event.data);
  failure = state.error || "";
  if (!failure) {
    readAt = state.at;
    show(state);
  }
  tell();
};
events.onerror = () => {
  failure = "the connection is lost, and tried again";
  tell();
};
setInterval(tell, 5000);
