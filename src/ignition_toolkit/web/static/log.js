// The log of an execution's page. Lines are gathered and shown a few times a second, and only the newest
// stay on the page, so that a flood does not freeze it.

import { clock, reveal, shortened, showLineMoment } from "./words.js";

// Between two times that lines are shown: a flood leaves the page time for clicks.
const PAUSE_MS = 100;
// Lines that are put into the page together.
const AT_ONCE = 250;
// Before a filter is asked for once more, when too much came during the answer.
const AGAIN_MS = 1000;
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
    // Number of the last line that came and is not among them any more.
    this.forgotten = 0;
    this.waiting = [];
    this.lost = document.getElementById("log-lost");
    this.lostLines = Number(document.getElementById("log-lost-count").textContent.replaceAll(",", ""));
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
    this.last = Number(this.list.dataset.upto);
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
    if (this.isNewest && this.forgotten > this.last) this.askAgain();
    for (const { data, id } of missed) this.add(data, id);
  }

  // More came while the server answered than is remembered: some of it would be missing.
  askAgain() {
    setTimeout(() => document.getElementById("log-filter").dispatchEvent(new Event("input")), AGAIN_MS);
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
    if (this.recent.length > 10 * this.most) this.forgotten = this.recent.splice(0, 5 * this.most).at(-1).id;
    if (data.dropped) this.lose(data.dropped, id);
    // In the middle of a log nothing is put behind a gap.
    if (!this.isNewest || !this.fits(data)) return;
    this.waiting.push({ data, id });
    if (this.waiting.length > 3 * this.most) this.waiting.splice(0, this.most);
    this.flushing ??= this.flushSoon();
  }

  // A note that lines are missing; the server has counted those that the page began with.
  lose(count, id) {
    if (id <= Number(this.lost.dataset.lastNote)) return;
    this.lost.dataset.lastNote = id;
    this.lostLines += count;
    document.getElementById("log-lost-count").textContent = this.lostLines.toLocaleString("en");
    reveal(this.lost, true);
  }

  flushSoon() {
    const pause = Math.max(0, (this.flushedAt ?? 0) + PAUSE_MS - performance.now());
    return setTimeout(() => requestAnimationFrame(() => this.flush()), pause);
  }

  // Some lines at a time: a page that lays out all that a flood brings does nothing else meanwhile.
  flush() {
    this.flushing = null;
    this.flushedAt = performance.now();
    // Somebody may have scrolled up in this very moment, of which no event has told yet.
    if (this.list.scrollTop < this.top - 2) this.follow.checked = false;
    const isBehind = this.waiting.length > this.most;
    if (isBehind) {
      // What is left out would be a gap between what is shown and what comes.
      this.waiting = this.waiting.slice(-this.most);
      this.list.replaceChildren();
    }
    this.list.append(...this.waiting.splice(0, AT_ONCE).map(({ data, id }) => this.line(data, id)));
    const surplus = this.list.childElementCount - this.most;
    for (let n = 0; n < surplus; n += 1) this.list.firstElementChild.remove();
    if (isBehind || surplus > 0) this.offerOlder();
    if (this.waiting.length) this.flushing = this.flushSoon();
    this.note();
    reveal(document.getElementById("log-empty"), false);
    this.toEnd();
  }

  // What the page holds no more, the server still has.
  offerOlder() {
    const older = document.getElementById("log-older");
    const link = older.querySelector("a");
    const first = this.list.firstElementChild.id.replace("line-", "before=");
    for (const name of ["href", "hx-get"]) {
      link.setAttribute(name, link.getAttribute(name).replace(/before=\d+/, first));
    }
    reveal(older, true);
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
