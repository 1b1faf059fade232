// The library's search, and the form that starts a playbook.

import { reveal } from "./words.js";

export function findPlaybooks() {
  const search = document.getElementById("search");
  if (!search) return;
  reveal(search.closest("label"), true);
  const items = [...document.querySelectorAll(".playbook")].map((item) => [item, item.dataset.words.toLowerCase()]);
  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const [item, text] of items) {
      const fits = words.every((word) => text.includes(word));
      reveal(item, fits);
      found += fits;
    }
    for (const group of document.querySelectorAll(".group")) {
      reveal(group, group.querySelector(".playbook:not([hidden])") !== null);
    }
    reveal(document.getElementById("nothing"), found === 0);
  };
  search.addEventListener("input", show);
  // A browser that goes back fills it in again.
  show();
}

export function watchForm() {
  const form = document.getElementById("run");
  if (!form) return;
  attach();
  document.addEventListener("htmx:after:swap", attach);
}

// After each answer to what was typed: the fields say whether they are wrong, the command is new.
function attach() {
  for (const message of document.querySelectorAll("#run .field > .error")) {
    const field = message.closest(".field").querySelector("[aria-describedby]");
    if (message.hidden) field.removeAttribute("aria-invalid");
    else field.setAttribute("aria-invalid", "true");
  }
  const copy = document.getElementById("copy");
  // Browsers let only pages of this machine, or over TLS, write to the clipboard.
  reveal(copy, Boolean(navigator.clipboard));
  copy.onclick = async () => {
    await navigator.clipboard.writeText(document.getElementById("command").textContent);
    copy.textContent = "Copied";
  };
}
