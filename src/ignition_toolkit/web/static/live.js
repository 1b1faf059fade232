// Keeps a page as its server knows it. Without scripts the pages work too, by reloading.

import { Busy } from "./busy.js";
import { Connection } from "./connection.js";
import { ExecutionPage } from "./execution.js";
import { ExecutionsPage } from "./executions.js";
import { findPlaybooks, watchForm } from "./playbooks.js";
import { localMoments, tick } from "./words.js";

const main = document.getElementById("main");

const PARTS = {
  execution: () => new ExecutionPage(),
  executions: () => new ExecutionsPage(),
  playbooks: findPlaybooks,
  playbook: watchForm,
  health: () => document.addEventListener("htmx:after:swap", () => localMoments(main)),
};

// A part of a page that is fetched when nobody is logged in any more would be the log-in's page.
document.addEventListener("htmx:before:response", (event) => {
  if (new URL(event.detail.ctx.response.raw.url).pathname !== "/login") return;
  event.preventDefault();
  location.reload();
});

localMoments(main);
// Once a second: each look at a page has it painted, in every tab that is open.
setInterval(() => {
  if (document.hidden) return;
  for (const span of document.querySelectorAll(".span[data-since]:not([data-until])")) tick(span);
}, 1000);

const busy = new Busy();
const page = PARTS[main.dataset.page]?.();
const wanted = { execution: main.dataset.id ?? null, steps: main.dataset.page === "executions" };
const connection = new Connection(wanted, (kind, data, id) => {
  busy.handle(kind, data);
  page?.handle?.(kind, data, id);
});
if (page) page.connection = connection;
