// Keeps a page as its server knows it. Without this script the pages work too, by reloading.
"use strict";

const EVENT_KINDS = ["execution", "step", "log", "progress"];
const FINAL = new Set(["cancelled", "completed", "failed", "interrupted"]);

// A browser sends at most six requests at once to one server. Four pages hold a stream open, the
// others ask every two seconds, so that a click on Cancel is never kept waiting by open pages.
const STREAMS = 4;
const POLL_MS = 2000;
// After a click such a page asks more often for a while: what it brings about is waited for.
const HURRY_MS = 200;
const HURRY_FOR_MS = 5000;
const RETRY_MS = 2000;
const ANSWER_MS = 1000;
const GIVE_UP_MS = 15000;

const main = document.getElementById("main");
const connection = document.getElementById("connection");
const clockOffsetMs = Date.now() - Date.parse(main.dataset.now);

// ---- words, as formats.py has them

function duration(seconds) {
  seconds = Math.max(0, seconds);
  if (seconds < 0.095) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

const TIME = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const MOMENT = { year: "numeric", month: "short", day: "numeric", ...TIME };

function readable(value) {
  const short = JSON.stringify(value);
  return short.length <= 60 ? short : JSON.stringify(value, null, 2);
}

const SHOWN_LENGTH = 5000;

function shortened(text) {
  if (text.length <= SHOWN_LENGTH) return text;
  const more = (text.length - SHOWN_LENGTH).toLocaleString("en");
  return `${text.slice(0, SHOWN_LENGTH)}\n(${more} more characters are not shown)`;
}

function showMoment(time, at) {
  time.dateTime = at;
  time.title = at;
  time.textContent = new Date(at).toLocaleString(undefined, MOMENT);
}

function showLineMoment(time, at) {
  time.dateTime = at;
  time.title = at;
  time.textContent = new Date(at).toLocaleTimeString(undefined, TIME);
}

function showBadge(badge, status, words) {
  badge.dataset.status = status;
  badge.textContent = words || status;
}

function showSpan(span, item) {
  if (!item.started_at) {
    delete span.dataset.since;
    span.textContent = "";
    return;
  }
  span.dataset.since = item.started_at;
  if (item.completed_at) span.dataset.until = item.completed_at;
  else delete span.dataset.until;
  tick(span);
}

function tick(span) {
  const since = Date.parse(span.dataset.since);
  const until = span.dataset.until ? Date.parse(span.dataset.until) : Date.now() - clockOffsetMs;
  const text = duration((until - since) / 1000);
  if (span.textContent !== text) span.textContent = text;
}

function progress(item) {
  if (!FINAL.has(item.status) && item.started_at) {
    return `step ${Math.min(item.current_step_index + 1, item.total_steps)} of ${item.total_steps}`;
  }
  return `${item.total_steps} step${item.total_steps === 1 ? "" : "s"}`;
}

// As views.py has it: some kinds are named in full.
function titleOf(thing) {
  return ["slot", "desktop"].includes(thing.kind) ? thing.name : `${thing.kind} ${thing.name}`;
}

function reveal(element, shown) {
  element.hidden = !shown;
}

function parsed(html) {
  return new DOMParser().parseFromString(html, "text/html");
}

// ---- the connection: a stream where there is room for one, else questions

class Live {
  // `handle(kind, data, id)` is called for each event after number `after`, in order.
  constructor(streamUrl, executionId, after, handle) {
    this.streamUrl = streamUrl;
    this.executionId = executionId;
    this.after = after;
    this.handle = handle;
    this.over = false;
    this.run = 0;
    this.hurriesUntil = 0;
    document.addEventListener("visibilitychange", () => this.restart());
    window.addEventListener("pageshow", (event) => event.persisted && this.restart());
    window.addEventListener("pagehide", () => this.pause());
    this.restart();
  }

  pause() {
    this.run += 1;
    clearTimeout(this.timer);
    if (this.source) this.source.close();
    this.source = null;
    if (this.release) this.release();
    this.release = null;
  }

  restart() {
    this.pause();
    // A page that nobody looks at holds no connection; it catches up when it is looked at.
    if (!this.over && !document.hidden) this.connect(this.run);
  }

  end() {
    this.over = true;
    this.pause();
    reveal(connection, false);
  }

  hurry() {
    this.hurriesUntil = Date.now() + HURRY_FOR_MS;
    if (!this.source) this.restart();
  }

  again(run, ms) {
    if (run === this.run && !this.over) this.timer = setTimeout(() => this.restart(), ms);
  }

  async connect(run) {
    const release = await this.slot();
    if (run !== this.run) {
      if (release) release();
      return;
    }
    this.release = release;
    if (release) this.stream(run);
    else await this.ask(run);
  }

  // Takes one of the places that all pages of this browser share; null when none is free.
  async slot() {
    if (!navigator.locks) return () => {};
    for (let number = 0; number < STREAMS; number += 1) {
      const release = await this.place(`itk-stream-${number}`);
      if (release) return release;
    }
    return null;
  }

  place(name) {
    return new Promise((resolve) => {
      navigator.locks.request(name, { ifAvailable: true }, (lock) => {
        if (!lock) return resolve(null);
        return new Promise((release) => resolve(release));
      });
    });
  }

  stream(run) {
    const source = new EventSource(`${this.streamUrl}?last_event_id=${this.after}`);
    this.source = source;
    source.onopen = () => this.connected(true);
    source.onerror = () => {
      this.connected(false);
      // A stream does not say why it was refused; a question does.
      if (source.readyState === EventSource.CLOSED && run === this.run) this.ask(run);
    };
    for (const kind of EVENT_KINDS) {
      source.addEventListener(kind, (event) => {
        this.take(kind, JSON.parse(event.data), Number(event.lastEventId));
      });
    }
  }

  async ask(run) {
    const query = new URLSearchParams({ after: this.after });
    if (this.executionId) query.set("execution_id", this.executionId);
    let more = false;
    try {
      const answer = await fetch(`/changes?${query}`, { signal: AbortSignal.timeout(GIVE_UP_MS) });
      // Nobody is logged in any more: the page leads to the log-in, and back.
      if (answer.status === 401) location.reload();
      if (!answer.ok) throw new Error(String(answer.status));
      const found = await answer.json();
      if (run !== this.run) return;
      this.connected(true);
      for (const event of found.events) this.take(event.event, event.data, event.id);
      more = found.more;
    } catch {
      this.connected(false);
    }
    const pause = Date.now() < this.hurriesUntil ? HURRY_MS : POLL_MS;
    this.again(run, more ? 0 : pause);
  }

  take(kind, data, id) {
    if (id <= this.after) return;
    this.after = id;
    this.handle(kind, data, id);
  }

  connected(yes) {
    reveal(connection, !yes);
    connection.textContent = yes ? "" : "The server does not answer. What you see may be old; trying again.";
  }
}

// ---- the list of executions

class ExecutionsPage {
  constructor() {
    this.table = document.getElementById("executions");
    this.body = this.table.tBodies[0];
    this.template = document.getElementById("row");
    this.rows = new Map([...this.body.rows].map((row) => [row.dataset.id, row]));
    new Live("/api/events", null, Number(main.dataset.after), (kind, data) => {
      if (kind === "execution") this.show(data);
      if (kind === "step" && !data.parent_step_id) this.refreshSoon();
    });
  }

  // Which step an execution is at is not in its events: asked for, at most once a second.
  refreshSoon() {
    if (this.refreshing) return;
    this.refreshing = setTimeout(() => this.refresh(), 1000);
  }

  async refresh() {
    try {
      const answer = await fetch("/api/executions?limit=50", { signal: AbortSignal.timeout(GIVE_UP_MS) });
      const page = await answer.json();
      for (const item of page.items) {
        const row = this.rows.get(item.execution_id);
        if (row) row.querySelector(".steps-done").textContent = progress(item);
      }
    } catch {
      // The connection's own notice says that the server does not answer.
    }
    this.refreshing = null;
  }

  show(item) {
    let row = this.rows.get(item.execution_id);
    if (!row) row = this.added(item);
    if (!row) return;
    showBadge(row.querySelector(".badge"), item.status);
    showSpan(row.querySelector(".span"), item);
    row.querySelector(".steps-done").textContent = progress(item);
    row.querySelector(".waits").textContent = item.waiting_for ? `waits for ${titleOf(item.waiting_for)}` : "";
  }

  added(item) {
    if (main.dataset.first !== "yes") return null;
    const row = this.template.content.firstElementChild.cloneNode(true);
    row.dataset.id = item.execution_id;
    const link = row.querySelector("a");
    link.href = `/executions/${encodeURIComponent(item.execution_id)}`;
    link.textContent = item.playbook_name;
    row.querySelector(".path").textContent = item.playbook_path;
    showMoment(row.querySelector("time"), item.created_at);
    this.body.prepend(row);
    this.rows.set(item.execution_id, row);
    this.count();
    return row;
  }

  count() {
    reveal(this.table, true);
    reveal(document.getElementById("empty"), false);
    const total = document.getElementById("total");
    if (total) total.textContent = Number(total.textContent) + 1;
    while (this.rows.size > 200) {
      this.rows.delete(this.body.lastElementChild.dataset.id);
      this.body.lastElementChild.remove();
    }
  }
}

// ---- the log: lines are gathered and shown once a frame, so that a flood does not freeze the page

class Log {
  constructor() {
    this.list = document.getElementById("log");
    this.lines = Number(main.dataset.logLines);
    this.last = Number(this.list.dataset.last);
    this.waiting = [];
    this.toEnd();
    for (const time of this.list.querySelectorAll("time")) showLineMoment(time, time.dateTime);
  }

  toEnd() {
    this.list.scrollTop = this.list.scrollHeight;
  }

  add(data, id) {
    if (id <= this.last) return;
    this.last = id;
    if (this.waiting.push(data) === 1) requestAnimationFrame(() => this.flush());
    if (this.waiting.length > 2 * this.lines) this.waiting.splice(1, this.lines);
  }

  flush() {
    const follows = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 40;
    this.list.append(...this.waiting.slice(-this.lines).map((data) => this.line(data)));
    this.waiting = [];
    while (this.list.childElementCount > this.lines) this.list.firstElementChild.remove();
    reveal(document.getElementById("log-note"), this.list.childElementCount >= this.lines);
    reveal(document.getElementById("log-empty"), false);
    if (follows) this.toEnd();
  }

  line(data) {
    const item = document.createElement("li");
    item.dataset.level = data.level;
    const time = document.createElement("time");
    showLineMoment(time, data.at);
    const step = document.createElement("span");
    step.className = "step-id";
    step.textContent = data.step_id || "";
    const text = document.createElement("span");
    text.className = "text";
    text.textContent = shortened(data.message);
    item.append(time, " ", step, " ", text);
    return item;
  }
}

// ---- one execution

class ExecutionPage {
  constructor() {
    this.id = main.dataset.id;
    this.status = main.dataset.status;
    this.cleansUp = main.dataset.cleanUp === "yes";
    this.asked = null;
    this.item = JSON.parse(main.dataset.item);
    this.log = new Log();
    this.forms = [...document.querySelectorAll("form[data-action]")];
    for (const form of this.forms) {
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        this.act(form.dataset.action);
      });
    }
    this.findSteps();
    this.showButtons();
    if (FINAL.has(this.status)) return;
    const url = `/api/executions/${encodeURIComponent(this.id)}/events`;
    this.live = new Live(url, this.id, Number(main.dataset.after), (kind, data, id) => {
      if (kind === "execution") this.showExecution(data);
      if (kind === "step") this.showStep(data);
      if (kind === "progress") this.showProgress(data);
      if (kind === "log") this.log.add(data, id);
    });
  }

  // -- buttons

  button(action) {
    return this.forms.find((form) => form.dataset.action === action).querySelector("button");
  }

  showButtons() {
    const over = FINAL.has(this.status);
    reveal(this.button("pause"), this.status === "running");
    reveal(this.button("resume"), this.status === "paused");
    reveal(this.button("skip"), this.status === "running" || this.status === "paused");
    const cancel = this.button("cancel");
    const cancelling = this.status === "cancelling" && !this.cleansUp;
    reveal(cancel, !over);
    reveal(document.getElementById("rerun"), over);
    cancel.disabled = this.asked === "cancel" || cancelling;
    if (cancel.disabled) cancel.textContent = "Cancelling";
    else cancel.textContent = this.status === "cancelling" ? "Cancel the clean-up" : "Cancel";
    for (const action of ["pause", "resume", "skip"]) {
      this.button(action).disabled = this.asked !== null;
    }
    this.showBlocking();
  }

  notice(text) {
    const notice = document.getElementById("notice");
    notice.textContent = text;
    reveal(notice, text !== "");
  }

  async act(action) {
    if (this.asked === "cancel" || this.asked === action) return;
    this.asked = action;
    this.notice("");
    this.showButtons();
    const slow = setTimeout(() => {
      this.notice("The server has not answered for 1 s. The request is on its way; still waiting.");
    }, ANSWER_MS);
    try {
      await this.send(action);
    } catch {
      this.notice("The server did not answer, so it is not known whether it heard. Look whether it runs, and try again.");
    } finally {
      clearTimeout(slow);
      if (this.asked === action) this.asked = null;
      this.showButtons();
    }
  }

  async send(action) {
    const answer = await fetch(`/api/executions/${encodeURIComponent(this.id)}/${action}`, {
      method: "POST",
      headers: { "X-ITK-Client": "web" },
      signal: AbortSignal.timeout(GIVE_UP_MS),
    });
    if (answer.status === 401) {
      location.assign(`/login?note=undone&next=${encodeURIComponent(location.pathname)}`);
      return;
    }
    const body = await answer.json();
    if (answer.ok) {
      this.notice("");
      // After the end there are no events: the answer is all there is.
      if (action === "release") this.item.holds = null;
      else this.live.hurry();
      // Events may have overtaken the answer: of all it says, only this cannot be outdated.
      if (body.status === "cancelling" && !FINAL.has(this.status)) this.showStatus(body.status);
    } else {
      this.notice(body.detail);
    }
  }

  // -- what the events say

  showStatus(status) {
    this.status = status;
    showBadge(document.querySelector("#status .badge"), status);
    document.title = `${status} · ${main.dataset.name}`;
    this.showButtons();
  }

  showExecution(item) {
    this.cleansUp = Boolean(item.cancellation && item.cancellation.tree_gone_ms !== null);
    this.item = item;
    this.showStatus(item.status);
    showSpan(document.querySelector("#elapsed .span"), item);
    this.showReached();
    const error = document.getElementById("error");
    error.textContent = shortened(item.error || "");
    reveal(error, Boolean(item.error));
    this.showWaiting(item.waiting_for);
    const over = FINAL.has(item.status);
    if (item.cancellation || over) this.fetchDetails();
    if (over) {
      this.notice("");
      document.getElementById("log-empty").textContent = "No lines.";
      this.live.end();
    }
  }

  showWaiting(reason) {
    const waiting = document.getElementById("waiting");
    reveal(waiting, Boolean(reason));
    if (!reason) return;
    const holder = reason.held_by ? `, held by ${reason.held_by}` : "";
    const since = new Date(reason.since).toLocaleTimeString(undefined, TIME);
    waiting.textContent = `Waits for ${titleOf(reason)} since ${since}${holder}.`;
  }

  showBlocking() {
    const blocks = FINAL.has(this.status) && this.item.holds;
    const titles = blocks ? this.item.holds.claims.map(titleOf).join(", ") : "";
    const blocking = document.getElementById("blocking");
    blocking.textContent = `Blocks ${titles} until somebody releases it, as what it started could not be ended.`;
    reveal(blocking, Boolean(blocks));
    reveal(this.button("release"), Boolean(blocks));
    this.button("release").disabled = this.asked !== null;
  }

  findSteps() {
    const items = document.querySelectorAll("#steps .step");
    this.steps = new Map([...items].map((item) => [item.dataset.step, item]));
    this.template = document.getElementById("step");
  }

  showStep(data) {
    const item = this.steps.get(data.step_id) || this.addedStep(data);
    item.dataset.status = data.status;
    showBadge(item.querySelector(".badge"), data.status);
    showSpan(item.querySelector(".span"), data);
    item.querySelector(".attempts").textContent = data.attempts > 1 ? `attempt ${data.attempts}` : "";
    if (data.status !== "running") item.querySelector(".progress").textContent = "";
    if (!data.parent_step_id) this.showReached();
    const error = item.querySelector(".error");
    error.textContent = shortened(data.error || "");
    reveal(error, Boolean(data.error));
    const output = item.querySelector(".output");
    const found = data.output && Object.keys(data.output).length > 0;
    output.querySelector("pre").textContent = found ? shortened(readable(data.output)) : "";
    reveal(output, found);
    if (data.cancellation) this.fetchDetails();
  }

  // An execution's own event comes with its status, not with each of its steps.
  showReached() {
    if (!this.item) return;
    const outer = [...document.querySelectorAll("#steps .step[data-depth='0']")];
    const reached = outer.findLastIndex((step) => step.dataset.status !== "pending");
    const index = Math.max(reached, this.item.current_step_index);
    document.getElementById("progress").textContent = progress({ ...this.item, current_step_index: index });
  }

  addedStep(data) {
    const item = this.template.content.firstElementChild.cloneNode(true);
    item.dataset.step = data.step_id;
    const outer = data.step_id.split("/").slice(0, -1);
    const afterCancel = outer.includes("on_cancel");
    item.dataset.depth = outer.filter((part) => part !== "on_cancel").length;
    item.querySelector(".name").textContent = data.step_name;
    item.querySelector(".kind").textContent = data.type + (afterCancel ? ", after the cancel" : "");
    const before = [...this.steps.keys()].filter(
      (id) => id === data.parent_step_id || id.startsWith(`${data.parent_step_id}/`),
    );
    if (before.length) this.steps.get(before.at(-1)).after(item);
    else document.querySelector("#steps .steps").append(item);
    this.steps.set(data.step_id, item);
    this.sortSteps();
    return item;
  }

  // The order of the map is the order on the page: a nested step is found behind its siblings.
  sortSteps() {
    const items = document.querySelectorAll("#steps .step");
    this.steps = new Map([...items].map((item) => [item.dataset.step, item]));
  }

  showProgress(data) {
    const item = this.steps.get(data.step_id);
    if (!item) return;
    const share = data.total ? ` of ${data.total}` : "";
    item.querySelector(".progress").textContent = `${data.done}${share} ${data.message}`.trim();
  }

  // -- record and steps as the server renders them

  fetchDetails() {
    clearTimeout(this.detailsTimer);
    this.detailsTimer = setTimeout(() => this.replaceDetails(), 20);
  }

  async replaceDetails() {
    try {
      const answer = await fetch(`/executions/${encodeURIComponent(this.id)}/details`, {
        signal: AbortSignal.timeout(GIVE_UP_MS),
      });
      if (!answer.ok) throw new Error(String(answer.status));
      const found = parsed(await answer.text());
      const open = new Set(
        [...document.querySelectorAll("#steps details[open]")].map((details) => details.closest(".step").dataset.step),
      );
      for (const id of ["record", "steps"]) {
        document.getElementById(id).replaceWith(found.getElementById(id));
      }
      this.findSteps();
      for (const step of open) this.steps.get(step)?.querySelector("details")?.setAttribute("open", "");
      localMoments(document.getElementById("record"));
    } catch {
      this.detailsTimer = setTimeout(() => this.replaceDetails(), RETRY_MS);
    }
  }
}

function localMoments(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    if (!time.closest(".log")) showMoment(time, time.dateTime);
  }
}

localMoments(main);
setInterval(() => {
  for (const span of document.querySelectorAll(".span[data-since]:not([data-until])")) tick(span);
}, 200);
if (main.dataset.page === "executions") new ExecutionsPage();
if (main.dataset.page === "execution") new ExecutionPage();
