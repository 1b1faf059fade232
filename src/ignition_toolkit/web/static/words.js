// Words, times and small changes of a page. `formats.py` has the same rules.

export const FINAL = new Set(["cancelled", "completed", "failed", "interrupted"]);

// Milliseconds after which a request without an answer is given up.
export const GIVE_UP_MS = 15000;

const main = document.getElementById("main");
const clockOffsetMs = Date.now() - Date.parse(main.dataset.now);

// Whole numbers only, halves up, as the server does it: the words stay when a page is reloaded.
function duration(milliseconds) {
  milliseconds = Math.max(0, milliseconds);
  if (milliseconds < 95) return `${milliseconds} ms`;
  if (milliseconds < 9950) {
    const tenths = Math.floor((milliseconds + 50) / 100);
    return `${Math.floor(tenths / 10)}.${tenths % 10} s`;
  }
  const seconds = Math.floor((milliseconds + 500) / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

export function readable(value) {
  const short = JSON.stringify(value);
  return short.length <= 60 ? short : JSON.stringify(value, null, 2);
}

const SHOWN_LENGTH = 5000;

export function shortened(text) {
  if (text.length <= SHOWN_LENGTH) return text;
  const more = (text.length - SHOWN_LENGTH).toLocaleString("en");
  return `${text.slice(0, SHOWN_LENGTH)}\n(${more} more characters are not shown)`;
}

const TIME = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
// Made once: making one takes longer than a hundred uses of it.
const CLOCK = new Intl.DateTimeFormat(undefined, TIME);
const MOMENT = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric", ...TIME,
});

export function clock(at) {
  return CLOCK.format(new Date(at));
}

function put(time, at, text) {
  time.dateTime = at;
  time.title = at;
  time.textContent = text;
}

export function showMoment(time, at) {
  put(time, at, MOMENT.format(new Date(at)));
}

export function showLineMoment(time, at) {
  put(time, at, clock(at));
}

// What the server wrote in UTC is shown in the reader's own time.
export function localMoments(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    if (!time.closest(".log")) showMoment(time, time.dateTime);
  }
}

export function showBadge(badge, status, words) {
  badge.dataset.status = status;
  badge.textContent = words || status;
}

export function showSpan(span, item) {
  if (!item.started_at) {
    delete span.dataset.since;
    span.textContent = "";
    return;
  }
  span.dataset.since = item.started_at;
  if (item.completed_at) span.dataset.until = item.completed_at;
  else delete span.dataset.until;
  tick(span);
}

export function tick(span) {
  const since = Date.parse(span.dataset.since);
  const until = span.dataset.until ? Date.parse(span.dataset.until) : Date.now() - clockOffsetMs;
  const text = duration(until - since);
  if (span.textContent !== text) span.textContent = text;
}

export function progress(item) {
  if (!FINAL.has(item.status) && item.started_at) {
    return `step ${Math.min(item.current_step_index + 1, item.total_steps)} of ${item.total_steps}`;
  }
  return `${item.total_steps} step${item.total_steps === 1 ? "" : "s"}`;
}

// As views.py has it: some kinds are named in full.
export function titleOf(thing) {
  return ["slot", "desktop"].includes(thing.kind) ? thing.name : `${thing.kind} ${thing.name}`;
}

export function reveal(element, shown) {
  element.hidden = !shown;
}

// Asks the server for something to be done; returns its answer, or raises. Where nobody is logged
// in any more, the page for that says that nothing was done.
export async function post(path) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "X-ITK-Client": "web" },
    signal: AbortSignal.timeout(GIVE_UP_MS),
  });
  if (answer.status === 401) {
    location.assign(`/login?note=undone&next=${encodeURIComponent(location.pathname)}`);
  }
  return answer;
}
