// What runs now, told in the header of every page, and the one button that cancels all of it.

import { FINAL, post, reveal } from "./words.js";

const ANSWER_MS = 1000;

export class Busy {
  constructor() {
    this.part = document.getElementById("busy");
    this.ids = new Set(this.part.dataset.ids.split(" ").filter(Boolean));
    // Beyond those that the page was told by their ids.
    this.more = Number(this.part.dataset.more);
    this.dialog = document.getElementById("cancel-all-dialog");
    this.yes = document.getElementById("cancel-all-yes");
    this.what = document.getElementById("cancel-all-what");
    document.getElementById("cancel-all").addEventListener("click", (event) => this.ask(event));
    this.dialog.querySelector("form").addEventListener("submit", (event) => {
      if (event.submitter === this.yes) this.cancel(event);
    });
  }

  handle(kind, data) {
    if (kind !== "execution") return;
    if (!FINAL.has(data.status)) this.ids.add(data.execution_id);
    else if (!this.ids.delete(data.execution_id)) this.more = Math.max(0, this.more - 1);
    this.show();
  }

  show() {
    const count = this.ids.size + this.more;
    reveal(this.part, count > 0);
    document.getElementById("busy-count").textContent = `${count} running`;
    if (count === 0 && this.dialog.open) this.dialog.close();
    this.say();
  }

  say() {
    const count = this.ids.size + this.more;
    this.what.textContent = count === 1 ? "One execution is running." : `${count} executions are running.`;
  }

  ask(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.say();
    this.yes.disabled = false;
    this.yes.textContent = "Cancel all";
    this.dialog.showModal();
  }

  async cancel(event) {
    event.preventDefault();
    this.yes.disabled = true;
    this.yes.textContent = "Cancelling";
    const slow = setTimeout(() => {
      this.what.textContent = "The server has not answered for 1 s. The request is on its way.";
    }, ANSWER_MS);
    try {
      const answer = await post("/api/executions/cancel");
      if (!answer.ok) throw new Error(String(answer.status));
      this.dialog.close();
    } catch {
      this.what.textContent = "The server did not answer, so it is not known whether it heard. Try again.";
      this.yes.disabled = false;
      this.yes.textContent = "Cancel all";
    } finally {
      clearTimeout(slow);
    }
  }
}
