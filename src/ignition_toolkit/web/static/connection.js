// The events that concern this page: from the stream that all tabs share, or asked for now and then.

import { GIVE_UP_MS, reveal } from "./words.js";

const POLL_MS = 2000;
// After a click a page without a stream asks more often for a while: what it brings is waited for.
const HURRY_MS = 200;
const HURRY_FOR_MS = 5000;

const main = document.getElementById("main");
const notice = document.getElementById("connection");

function showConnection(isUp) {
  reveal(notice, !isUp);
  notice.textContent = isUp ? "" : "The server does not answer. What you see may be old; trying again.";
}

// Calls `handle(kind, data, id)` once for each event that concerns the page, in order.
export class Connection {
  // `wanted`: `{execution, steps}`, see `fits`.
  constructor(wanted, handle) {
    this.wanted = wanted;
    this.handle = handle;
    this.after = Number(main.dataset.after);
    this.join();
    window.addEventListener("pagehide", () => this.leave());
    // Back from where the browser keeps pages: what was missed is caught up.
    window.addEventListener("pageshow", (event) => event.persisted && this.join());
  }

  join() {
    try {
      this.share();
    } catch {
      this.poll();
    }
  }

  leave() {
    this.port?.postMessage({ leave: true });
    clearTimeout(this.timer);
    this.isAsking = false;
  }

  // -- the stream of all tabs

  share() {
    const worker = new SharedWorker(main.dataset.worker, { name: "itk-stream" });
    // One that cannot be loaded: this page then helps itself.
    worker.onerror = () => this.poll();
    this.port = worker.port;
    this.port.onmessage = ({ data }) => this.hear(data);
    const lock = `itk-tab-${Date.now()}-${Math.random()}`;
    const send = () => this.port.postMessage({ join: { after: this.after, lock, ...this.wanted } });
    if (!navigator.locks) {
      send();
      return;
    }
    // Held for as long as this page lives. Had before the worker hears of it.
    navigator.locks.request(lock, () => {
      send();
      return new Promise(() => {});
    });
  }

  hear(message) {
    if (message.isLoggedOut) location.reload();
    if (message.isUp !== undefined) showConnection(message.isUp);
    for (const event of message.events ?? []) this.take(event);
  }

  take(event) {
    if (event.id <= this.after) return;
    this.after = event.id;
    this.handle(event.kind, event.data, event.id);
  }

  // -- questions, where no worker is to be had

  hurry() {
    this.hurriesUntil = Date.now() + HURRY_FOR_MS;
    if (this.isAsking) this.again(0);
  }

  poll() {
    this.port = null;
    this.isAsking = true;
    this.again(0);
  }

  again(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), ms);
  }

  async ask() {
    let more = false;
    try {
      const signal = AbortSignal.timeout(GIVE_UP_MS);
      const answer = await fetch(`/changes?after=${this.after}`, { signal });
      if (answer.status === 401) location.reload();
      if (!answer.ok) throw new Error(String(answer.status));
      const found = await answer.json();
      showConnection(true);
      for (const { id, event, data } of found.events) {
        if (this.fits(event, data)) this.take({ id, kind: event, data });
      }
      this.after = Math.max(this.after, found.position);
      more = found.more;
    } catch {
      showConnection(false);
    }
    if (this.isAsking) this.again(more ? 0 : Date.now() < this.hurriesUntil ? HURRY_MS : POLL_MS);
  }

  // `stream-worker.js` has the same rule.
  fits(kind, data) {
    if (kind === "execution" || data.execution_id === this.wanted.execution) return true;
    return Boolean(this.wanted.steps) && kind === "step";
  }
}
