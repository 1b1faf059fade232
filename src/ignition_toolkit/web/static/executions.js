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
    this.rows = new Map([...this.table.querySelectorAll("tbody tr")].map((row) => [row.dataset.id, row]));
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
        if (row) row.querySelector(".steps-done").textContent = progress(item);
      }
    } catch {
      // The connection's own notice says that the server does not answer.
    }
    this.refreshing = null;
  }

  show(item) {
    const row = this.rows.get(item.execution_id) || this.added(item);
    if (!row) return;
    showBadge(row.querySelector(".badge"), item.status);
    showSpan(row.querySelector(".span"), item);
    row.querySelector(".steps-done").textContent = progress(item);
    row.querySelector(".waits").textContent = item.waiting_for ? `waits for ${titleOf(item.waiting_for)}` : "";
    const part = this.table.querySelector(FINAL.has(item.status) ? "tbody.over" : "tbody.running");
    if (row.parentElement !== part) part.prepend(row);
  }

  fits(item) {
    const { status, playbook, first } = this.list.dataset;
    if (status && status !== item.status) return false;
    if (playbook && playbook !== item.playbook_path) return false;
    return first === "yes" || !FINAL.has(item.status);
  }

  added(item) {
    if (!this.fits(item)) return null;
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
    const over = this.table.querySelector("tbody.over");
    while (this.rows.size > MAX_ROWS && over.lastElementChild) {
      this.rows.delete(over.lastElementChild.dataset.id);
      over.lastElementChild.remove();
    }
  }
}
