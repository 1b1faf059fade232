// The steps on an execution's page, changed one by one as the server tells of them.

import { readable, reveal, shortened, showBadge, showSpan } from "./words.js";

export class Steps {
  constructor() {
    // Index of the last step of the top level that was begun.
    this.reached = -1;
    // What was heard since the server wrote the steps, the newest of each.
    this.heard = new Map();
    this.attach();
  }

  // Takes over the steps that the server wrote, and shows again what has become of them since.
  attach() {
    const items = [...document.querySelectorAll("#steps .step")];
    this.items = new Map(items.map((item) => [item.dataset.step, item]));
    this.template = document.getElementById("step");
    const top = items.filter((item) => item.dataset.depth === "0");
    this.order = new Map(top.map((item, index) => [item.dataset.step, index]));
    this.reached = top.findLastIndex((item) => item.dataset.status !== "pending");
    const after = Number(document.getElementById("details").dataset.after);
    for (const [step, { data, id }] of this.heard) {
      if (id > after) this.show(data);
      else this.heard.delete(step);
    }
  }

  hear(data, id) {
    this.heard.set(data.step_id, { data, id });
    this.show(data);
  }

  show(data) {
    const item = this.items.get(data.step_id) || this.added(data);
    item.dataset.status = data.status;
    showBadge(item.querySelector(".badge"), data.status);
    showSpan(item.querySelector(".span"), data);
    item.querySelector(".attempts").textContent = data.attempts > 1 ? `attempt ${data.attempts}` : "";
    if (data.status !== "running") item.querySelector(".progress").textContent = "";
    if (data.status !== "pending") this.reached = Math.max(this.reached, this.order.get(data.step_id) ?? -1);
    const error = item.querySelector(".error");
    error.textContent = shortened(data.error || "");
    reveal(error, Boolean(data.error));
    const output = item.querySelector(".output");
    const found = data.output && Object.keys(data.output).length > 0;
    output.querySelector("pre").textContent = found ? shortened(readable(data.output)) : "";
    reveal(output, found);
  }

  // A step of a nested playbook, which comes below the step that runs it, behind its siblings.
  added(data) {
    const item = this.template.content.firstElementChild.cloneNode(true);
    item.id = `step-${data.step_id}`;
    item.dataset.step = data.step_id;
    const outer = data.step_id.split("/").slice(0, -1);
    const afterCancel = outer.includes("on_cancel");
    item.dataset.depth = outer.filter((part) => part !== "on_cancel").length;
    item.querySelector(".name").textContent = data.step_name;
    item.querySelector(".kind").textContent = data.type + (afterCancel ? ", after the cancel" : "");
    let before = this.items.get(data.parent_step_id);
    while (before?.nextElementSibling?.dataset.step?.startsWith(`${data.parent_step_id}/`)) {
      before = before.nextElementSibling;
    }
    if (before) before.after(item);
    else document.querySelector("#steps .steps").append(item);
    this.items.set(data.step_id, item);
    return item;
  }

  showProgress(data) {
    const item = this.items.get(data.step_id);
    if (!item) return;
    const share = data.total ? ` of ${data.total}` : "";
    item.querySelector(".progress").textContent = `${data.done}${share} ${data.message}`.trim();
  }
}
