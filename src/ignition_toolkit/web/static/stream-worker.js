// The one stream of this browser, shared by its tabs: a browser has six connections for one server,
// and six open streams would keep a Cancel from being sent at all.
"use strict";

const KINDS = ["execution", "step", "log", "progress"];
const RETRY_MS = 2000;
// Events are handed on in bundles, so that a flood does not keep the tabs busy with messages.
const BUNDLE_MS = 20;
// The stream of a browser without tabs is closed after a while: a person may just change the page.
const LINGER_MS = 3000;
// A server that stands still keeps its streams open: after so long without an event it is asked
// whether it still answers, and given so long for that.
const QUIET_MS = 10000;
const ANSWER_MS = 5000;
// A tab that is further behind asks the server for what it missed.
const KEPT = 5000;

class Stream {
  constructor() {
    this.tabs = new Set();
    this.forget();
  }

  // Kept: every event after number `from` up to number `to`, in order.
  forget() {
    this.kept = [];
    this.heardAt = 0;
    this.from = null;
    this.to = null;
    this.isUp = null;
  }

  add(tab) {
    clearTimeout(this.closing);
    this.tabs.add(tab);
    if (this.from === null) {
      this.from = this.to = tab.after;
      this.open();
    }
    if (this.isUp !== null) tab.port.postMessage({ isUp: this.isUp });
    this.pump(tab);
  }

  drop(tab) {
    this.tabs.delete(tab);
    if (this.tabs.size) return;
    clearTimeout(this.closing);
    this.closing = setTimeout(() => this.close(), LINGER_MS);
  }

  close() {
    clearTimeout(this.opening);
    clearInterval(this.looking);
    this.source?.close();
    this.source = null;
    this.forget();
  }

  open() {
    const source = new EventSource(`/api/events?last_event_id=${this.to}`);
    this.source = source;
    clearInterval(this.looking);
    this.looking = setInterval(() => this.look(source), QUIET_MS);
    source.onopen = () => this.say(true);
    source.onerror = () => {
      this.say(false);
      // A server that comes back is found by the browser; one that refused is asked again here.
      if (source.readyState === EventSource.CLOSED && source === this.source) this.refused();
    };
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        if (source === this.source) this.take(kind, event);
      });
    }
  }

  // A stream that is being opened may wait for ever too; it is up when it says so itself.
  async look(source) {
    const before = this.heardAt;
    if (Date.now() - before < QUIET_MS) return;
    const answers = await changes(this.to, AbortSignal.timeout(ANSWER_MS)).then(
      () => true,
      (error) => this.heed(error),
    );
    if (source !== this.source || this.heardAt !== before) return;
    if (!answers) this.say(false);
    else if (source.readyState === EventSource.OPEN) this.say(true);
  }

  // A stream does not say why it was refused; a question does.
  async refused() {
    await changes(this.to).catch((error) => this.heed(error));
    this.opening = setTimeout(() => this.open(), RETRY_MS);
  }

  // Where nobody is logged in any more, the pages lead to the log-in, and back.
  heed(error) {
    if (error.status !== 401) return;
    for (const tab of this.tabs) tab.port.postMessage({ isLoggedOut: true });
  }

  say(isUp) {
    if (this.isUp === isUp) return;
    this.isUp = isUp;
    for (const tab of this.tabs) tab.port.postMessage({ isUp });
  }

  take(kind, event) {
    this.heardAt = Date.now();
    this.say(true);
    const id = Number(event.lastEventId);
    if (id <= this.to) return;
    this.kept.push({ id, kind, data: JSON.parse(event.data) });
    this.to = id;
    if (this.kept.length > 2 * KEPT) {
      this.from = this.kept[KEPT - 1].id;
      this.kept.splice(0, KEPT);
    }
    // Nobody waits for a line of a log; what becomes of an execution is told at once.
    if (kind === "execution") this.flush();
    else this.flushing ??= setTimeout(() => this.flush(), BUNDLE_MS);
  }

  flush() {
    clearTimeout(this.flushing);
    this.flushing = null;
    for (const tab of this.tabs) this.pump(tab);
  }

  pump(tab) {
    if (tab.isCatchingUp) return;
    if (tab.after < this.from) {
      this.catchUp(tab);
      return;
    }
    const events = [];
    for (let at = this.kept.length - 1; at >= 0 && this.kept[at].id > tab.after; at -= 1) {
      if (fits(tab, this.kept[at])) events.push(this.kept[at]);
    }
    tab.after = Math.max(tab.after, this.to);
    if (events.length) tab.port.postMessage({ events: events.reverse() });
  }

  async catchUp(tab) {
    tab.isCatchingUp = true;
    while (this.tabs.has(tab) && this.from !== null && tab.after < this.from) {
      try {
        const found = await changes(tab.after);
        tab.after = found.position;
        const events = found.events.filter((event) => fits(tab, event));
        if (events.length) tab.port.postMessage({ events });
      } catch (error) {
        this.heed(error);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    tab.isCatchingUp = false;
    if (this.tabs.has(tab) && this.from !== null) this.pump(tab);
  }
}

// What becomes of executions concerns every page, steps those that list executions, all else only
// the page of the execution itself. `connection.js` has the same rule.
function fits(tab, event) {
  if (event.kind === "execution" || event.data.execution_id === tab.execution) return true;
  return tab.steps && event.kind === "step";
}

async function changes(after, signal) {
  const answer = await fetch(`/changes?after=${after}`, { signal });
  if (!answer.ok) throw Object.assign(new Error("refused"), { status: answer.status });
  const found = await answer.json();
  const events = found.events.map((event) => ({ id: event.id, kind: event.event, data: event.data }));
  return { events, position: found.position };
}

const stream = new Stream();

self.onconnect = (connected) => {
  const port = connected.ports[0];
  let tab = null;
  port.onmessage = ({ data }) => {
    if (tab) stream.drop(tab);
    tab = null;
    if (!data.join) return;
    tab = { port, ...data.join };
    stream.add(tab);
    // A tab that crashed says nothing; its lock is free then.
    const mine = tab;
    if (tab.lock && navigator.locks) navigator.locks.request(tab.lock, () => stream.drop(mine));
  };
};
