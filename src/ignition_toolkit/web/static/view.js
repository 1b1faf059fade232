// What the browser of an execution shows, as long as this page is looked at. Each question counts
// as watching for some seconds: a page that is not seen asks nothing, and no picture is taken for it.

import { clock, reveal } from "./words.js";

const PICTURE_MS = 250;
// While there is no picture yet; most executions have no browser.
const NONE_MS = 2000;
const RETRY_MS = 4000;

export class View {
  constructor(id) {
    this.address = `/api/executions/${encodeURIComponent(id)}`;
    this.at = null;
    this.over = false;
    this.picture = document.getElementById("view-picture");
    document.addEventListener("visibilitychange", () => (document.hidden ? this.pause() : this.look()));
    this.look();
  }

  // Asks now, unless it is known that nothing comes any more.
  look() {
    if (this.over || this.isAsking || document.hidden) return;
    clearTimeout(this.timer);
    this.isAsking = true;
    this.ask().then((wait) => {
      this.isAsking = false;
      if (!this.over) this.timer = setTimeout(() => this.look(), wait);
    });
  }

  pause() {
    clearTimeout(this.timer);
    if (this.at && !this.over) this.say("Paused");
  }

  // Returns after how many milliseconds to ask again.
  async ask() {
    try {
      const answer = await fetch(`${this.address}/view`, { headers: { accept: "application/json" } });
      if (!answer.ok || answer.redirected) return RETRY_MS;
      return await this.show(await answer.json());
    } catch {
      return RETRY_MS;
    }
  }

  async show({ live, at }) {
    this.over = !live;
    if (!at) return NONE_MS;
    reveal(document.getElementById("view"), true);
    if (at !== this.at) await this.load(at);
    this.say(live ? `Picture of ${clock(at)}` : `Last picture, at ${clock(at)}`);
    return PICTURE_MS;
  }

  // Puts the picture in the place of the one before when it is whole: there is always one to see.
  async load(at) {
    const { id, className, alt } = this.picture;
    const next = Object.assign(new Image(), { id, className, alt });
    next.src = `${this.address}/frame?at=${encodeURIComponent(at)}`;
    await next.decode();
    this.picture.replaceWith(next);
    this.picture = next;
    this.at = at;
  }

  say(text) {
    const state = document.getElementById("view-state");
    if (state.textContent !== text) state.textContent = text;
  }
}
