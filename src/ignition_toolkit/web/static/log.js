// The log of an execution's page. Lines are gathered and shown a few times a second, and only the newest
// stay on the page, so that a flood does not freeze it.

import { clock, reveal, shortened, showLineMoment } from "./words.js";

// Between two times that lines are shown: a flood leaves the page time for clicks.
const PAUSE_MS = 100;
const LEVELS = ["debug", "info", "warning", "error"];
const main = document.getElementById("main");

// ASCII letters only, as the database does it.
const lower = (text) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

export class Log {
  constructor() {
    this.most = Number(main.dataset.logLines);
    // Lines that came while this page was open: those that the server's answer to a changed
    // filter cannot have yet are shown again.
    this.recent = [];
    this.waiting = [];
    this.follow = document.getElementById("follow");
    reveal(this.follow.closest("label"), true);
    this.follow.addEventListener("change", () => this.toEnd());
    document.addEventListener("htmx:after:swap", () => {
      if (document.getElementById("log") !== this.list) this.attach();
    });
    this.attach();
    if (this.wanted) this.wanted.scrollIntoView({ block: "center" });
  }

  // Takes over the lines that the server wrote, on a new page or for a new filter.
  attach() {
    const part = document.getElementById("log-part");
    this.list = document.getElementById("log");
    this.wanted = this.list.querySelector(".wanted");
    this.last = Number(this.list.dataset.last);
    this.isNewest = part.dataset.newest === "yes";
    this.level = LEVELS.indexOf(part.dataset.level);
    this.text = lower(part.dataset.text);
    this.note();
    for (const time of this.list.querySelectorAll("time")) showLineMoment(time, time.dateTime);
    this.list.addEventListener("scroll", () => this.scrolled(), { passive: true });
    if (this.wanted) this.follow.checked = false;
    this.toEnd();
    const missed = this.recent;
    this.recent = [];
    this.waiting = [];
    for (const { data, id } of missed) this.add(data, id);
  }

  fits(data) {
    if (LEVELS.indexOf(data.level) < this.level) return false;
    return lower(`${data.step_id || ""}\n${data.message}`).includes(this.text);
  }

  toEnd() {
    if (!this.follow.checked) return;
    this.list.scrollTop = this.list.scrollHeight;
    this.top = this.list.scrollTop;
  }

  // Whoever scrolls up wants to read; at the end again, it follows again.
  scrolled() {
    const isAtEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 40;
    if (isAtEnd) this.follow.checked = true;
    else if (this.list.scrollTop < this.top - 2) this.follow.checked = false;
    this.top = this.list.scrollTop;
  }

  add(data, id) {
    if (id <= this.last) return;
    this.last = id;
    this.recent.push({ data, id });
    if (this.recent.length > 10 * this.most) this.recent.splice(0, 5 * this.most);
    // In the middle of a log nothing is put behind a gap.
    if (!this.isNewest || !this.fits(data)) return;
    if (this.waiting.push({ data, id }) === 1) this.flushSoon();
    if (this.waiting.length > 2 * this.most) this.waiting.splice(1, this.most);
  }

  flushSoon() {
    const pause = Math.max(0, (this.flushedAt ?? 0) + PAUSE_MS - performance.now());
    setTimeout(() => requestAnimationFrame(() => this.flush()), pause);
  }

  flush() {
    this.flushedAt = performance.now();
    // Somebody may have scrolled up in this very moment, of which no event has told yet.
    if (this.list.scrollTop < this.top - 2) this.follow.checked = false;
    const lines = this.waiting.slice(-this.most).map(({ data, id }) => this.line(data, id));
    this.waiting = [];
    if (lines.length >= this.most) this.list.replaceChildren(...lines);
    else this.list.append(...lines);
    while (this.list.childElementCount > this.most) this.list.firstElementChild.remove();
    this.note();
    reveal(document.getElementById("log-empty"), false);
    this.toEnd();
  }

  note() {
    const isFull = this.list.childElementCount >= this.most;
    reveal(document.getElementById("log-note"), isFull && this.isNewest);
  }

  over() {
    const empty = document.getElementById("log-empty");
    if (!this.text && !this.level) empty.textContent = "No lines.";
  }

  line(data, id) {
    const item = document.createElement("li");
    item.id = `line-${id}`;
    item.dataset.level = data.level;
    const link = document.createElement("a");
    link.className = "line-link";
    link.href = `/executions/${encodeURIComponent(main.dataset.id)}?line=${id}#line-${id}`;
    link.title = "Link to this line";
    const time = document.createElement("time");
    time.dateTime = data.at;
    time.textContent = clock(data.at);
    link.append(time);
    const step = document.createElement("span");
    step.className = "step-id";
    step.textContent = data.step_id || "";
    const text = document.createElement("span");
    text.className = "text";
    text.textContent = shortened(data.message);
    item.append(link, " ", step, " ", text);
    return item;
  }
}
