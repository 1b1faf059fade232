// The page of one execution: its state, its buttons, its steps.

import { Log } from "./log.js";
import { Steps } from "./steps.js";
import { View } from "./view.js";
import { FINAL, clock, localMoments, post, progress, reveal, shortened, showBadge, showSpan, titleOf } from "./words.js";

const ANSWER_MS = 1000;
const RETRY_MS = 2000;
const SETTLE_MS = 20;
// Between a step's end and the look at what it left, so that many steps are one look; the same for
// what was done to this execution, and for other runs of its playbook.
const LOOK_MS = 1000;

const main = document.getElementById("main");

export class ExecutionPage {
  constructor() {
    this.id = main.dataset.id;
    this.status = main.dataset.status;
    this.cleansUp = main.dataset.cleanUp === "yes";
    this.asked = null;
    // Parts of the page of which no event tells, by their ids, while they wait to be fetched.
    this.looking = new Set();
    this.item = JSON.parse(main.dataset.item);
    this.log = new Log();
    this.steps = new Steps();
    this.view = new View(this.id);
    this.forms = [...document.querySelectorAll("form[data-action]")];
    for (const form of this.forms) {
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        this.act(form.dataset.action);
      });
    }
    document.addEventListener("htmx:after:swap", () => this.replaced());
    document.addEventListener("htmx:error", () => this.askAgain());
    document.addEventListener("htmx:response:error", () => this.askAgain());
    this.showButtons();
  }

  handle(kind, data, id) {
    if (kind === "execution" && data.playbook_path === main.dataset.path) this.lookSoon("about");
    if (data.execution_id !== this.id) return;
    if (kind === "execution") this.showExecution(data);
    if (kind === "step") this.showStep(data, id);
    if (kind === "progress") this.steps.showProgress(data);
    if (kind === "log") this.log.add(data, id);
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
    for (const id of ["run-again", "again"]) reveal(document.getElementById(id), over);
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
    const answer = await post(`/api/executions/${encodeURIComponent(this.id)}/${action}`);
    const body = await answer.json();
    if (answer.ok) {
      this.notice("");
      // After the end there are no events: the answer is all there is.
      if (action === "release") this.item.holds = null;
      else this.connection.hurry();
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
    if (item.cancellation || over) this.refresh();
    if (over) {
      this.notice("");
      this.log.over();
      this.view.look();
      this.lookSoon("artifacts");
    }
  }

  showWaiting(reason) {
    const waiting = document.getElementById("waiting");
    reveal(waiting, Boolean(reason));
    if (!reason) return;
    const holder = reason.held_by ? `, held by ${reason.held_by}` : "";
    waiting.textContent = `Waits for ${titleOf(reason)} since ${clock(reason.since)}${holder}.`;
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

  showStep(data, id) {
    this.steps.hear(data, id);
    if (!data.parent_step_id) this.showReached();
    this.view.look();
    if (data.cancellation) this.refresh();
    if (data.completed_at) this.lookSoon("artifacts");
  }

  // Fetches a part of the page.
  lookSoon(part) {
    if (this.looking.has(part)) return;
    this.looking.add(part);
    setTimeout(() => {
      this.looking.delete(part);
      document.getElementById(part).dispatchEvent(new CustomEvent("itk:stale"));
    }, LOOK_MS);
  }

  // An execution's own event comes with its status, not with each of its steps.
  showReached() {
    const index = Math.max(this.steps.reached, this.item.current_step_index);
    document.getElementById("progress").textContent = progress({ ...this.item, current_step_index: index });
  }

  // -- record and steps as the server renders them

  refresh() {
    clearTimeout(this.refreshing);
    this.refreshing = setTimeout(() => {
      document.getElementById("details").dispatchEvent(new CustomEvent("itk:stale"));
    }, SETTLE_MS);
  }

  askAgain() {
    clearTimeout(this.refreshing);
    this.refreshing = setTimeout(() => {
      this.refresh();
      for (const part of ["artifacts", "about"]) this.lookSoon(part);
    }, RETRY_MS);
  }

  replaced() {
    for (const part of ["record", "about"]) localMoments(document.getElementById(part));
    this.steps.attach();
  }
}
