// The list of executions: rows change as the server says, and move down when they are over.

import { FINAL, GIVE_UP_MS, localMoments, progress, reveal, showBadge, showMoment, showSpan, titleOf } from "./words.js";

// Rows that a page which stays open for days holds at most.
const MAX_ROWS = 200;
const MAX_KEPT = 500;
const REFRESH_MS = 1000;

export class ExecutionsPage {
  constructor() {
    // What was heard since the page was made: a list that was fetched meanwhile may be older.
    this.heard = new Map();
    this.template = document.getElementById("row");
    document.addEventListener("htmx:after:swap", () => this.attach());
    this.attach();
  }

  attach() {
    if (document.getElementById("list") === this.list) return;
    if (this.list) localMoments(document.getElementById("list"));
    this.list = document.getElementById("list");
    this.table = document.getElementById("executions");
    this.running = this.table.querySelector("tbody.running");
    this.over = this.table.querySelector("tbody.over");
    this.rows = new Map([...this.table.querySelectorAll("tbody tr")].map((row) => [row.dataset.id, row]));
    // Of those that are over and fit: how many there are, and how many come before this page.
    this.total = Number(this.list.dataset.total);
    this.offset = Number(this.list.dataset.offset);
    const after = Number(this.list.dataset.after);
    for (const { id, data } of this.heard.values()) if (id > after) this.show(data);
  }

  handle(kind, data, id) {
    if (kind === "execution") {
      this.heard.delete(data.execution_id);
      this.heard.set(data.execution_id, { id, data });
      if (this.heard.size > MAX_KEPT) this.heard.delete(this.heard.keys().next().value);
      this.show(data);
    }
    if (kind === "step" && !data.parent_step_id) this.refreshSoon();
  }

  // Which step an execution is at is not in its events: asked for, at most once a second.
  refreshSoon() {
    this.refreshing ??= setTimeout(() => this.refresh(), REFRESH_MS);
  }

  async refresh() {
    try {
      const answer = await fetch("/api/executions?limit=50", { signal: AbortSignal.timeout(GIVE_UP_MS) });
      const page = await answer.json();
      for (const item of page.items) {
        const row = this.rows.get(item.execution_id);
        // The end may have been heard of while the answer, from before it, was on its way.
        if (row && !FINAL.has(row.querySelector(".badge").dataset.status)) {
          row.querySelector(".steps-done").textContent = progress(item);
        }
      }
    } catch {
      // The connection's own notice says that the server does not answer.
    }
    this.refreshing = null;
  }

  show(item) {
    const isOver = FINAL.has(item.status);
    const row = this.rows.get(item.execution_id) || this.added(item);
    if (isOver && row?.parentElement !== this.over && this.fits(item)) this.count();
    if (row) this.change(row, item, isOver);
    this.showRange();
  }

  change(row, item, isOver) {
    showBadge(row.querySelector(".badge"), item.status);
    showSpan(row.querySelector(".span"), item);
    row.querySelector(".steps-done").textContent = progress(item);
    row.querySelector(".waits").textContent = item.waiting_for ? `waits for ${titleOf(item.waiting_for)}` : "";
    // On a later page it stays where it is: it belongs on the first.
    const part = isOver && this.offset === 0 ? this.over : this.running;
    if (row.parentElement !== part) part.prepend(row);
  }

  // One more is over: on a later page all that is listed moves one further back.
  count() {
    this.total += 1;
    if (this.offset > 0) this.offset += 1;
  }

  showRange() {
    const last = this.offset + this.over.childElementCount;
    const shown = `${this.offset + 1} to ${last} of ${this.total} that are over`;
    document.getElementById("range").textContent = last > this.offset && this.total ? shown : "";
    reveal(document.getElementById("older"), last < this.total);
  }

  fits(item) {
    const { status, playbook, since } = this.list.dataset;
    if (status && status !== item.status) return false;
    if (playbook && playbook !== item.playbook_path) return false;
    return !since || Date.parse(item.created_at) >= Date.parse(since);
  }

  added(item) {
    if (!this.fits(item) || (FINAL.has(item.status) && this.offset > 0)) return null;
    const row = this.template.content.firstElementChild.cloneNode(true);
    row.dataset.id = item.execution_id;
    const link = row.querySelector("a");
    link.href = `/executions/${encodeURIComponent(item.execution_id)}`;
    link.textContent = item.playbook_name;
    row.querySelector(".path").textContent = item.playbook_path;
    row.querySelector(".by").textContent = item.requested_by ? `by ${item.requested_by}` : "";
    showMoment(row.querySelector("time"), item.created_at);
    this.rows.set(item.execution_id, row);
    this.makeRoom();
    return row;
  }

  makeRoom() {
    reveal(this.table, true);
    reveal(document.getElementById("empty"), false);
    while (this.rows.size > MAX_ROWS && this.over.lastElementChild) {
      this.rows.delete(this.over.lastElementChild.dataset.id);
      this.over.lastElementChild.remove();
    }
  }
}
