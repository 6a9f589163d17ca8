// What the pages gain where scripts run: times that count, lists that fill by
// themselves, and arrow keys. Every page works without.
"use strict";

const live = document.body.hasAttribute("data-live");
const trusted = self.trustedTypes?.createPolicy("cloakroom", { createHTML: (text) => text });

// span says a duration as the server does.
function span(ms) {
  const all = Math.max(0, Math.round(ms / 1000));
  const h = Math.floor(all / 3600), m = Math.floor(all / 60) % 60, s = all % 60;
  if (h >= 48) return `${Math.floor(h / 24)} d`;
  if (h > 0) return m > 0 ? `${h} h ${m} min` : `${h} h`;
  if (m > 0) return s > 0 ? `${m} min ${s} s` : `${m} min`;
  return `${s} s`;
}

function tick() {
  for (const t of document.querySelectorAll("time[data-left]")) t.textContent = span(Date.parse(t.dateTime) - Date.now());
  for (const t of document.querySelectorAll("time[data-ago]")) t.textContent = span(Date.now() - Date.parse(t.dateTime)) + " ago";
}

// swap puts what the server shows now in the place of what it showed before,
// except for the forms that somebody may be filling in.
function swap(now) {
  const at = document.activeElement?.id;
  document.title = now.title;
  if (now.body.dataset.page !== document.body.dataset.page) {
    document.body.dataset.page = now.body.dataset.page;
    document.querySelector("main").replaceChildren(...now.querySelector("main").childNodes);
    document.querySelector("main").focus();
  } else {
    for (const part of document.querySelectorAll("[data-part]")) {
      const fresh = now.querySelector(`[data-part="${part.dataset.part}"]`);
      if (fresh && fresh.textContent !== part.textContent) part.replaceChildren(...fresh.childNodes);
    }
  }
  if (at && document.activeElement?.id !== at) document.getElementById(at)?.focus();
  tick();
}

let asking = false, again = false;

async function refresh() {
  if (asking) { again = true; return; }
  asking = true;
  try {
    do {
      again = false;
      const answer = await fetch(location.href, { headers: { "x-cloakroom-live": "1" }, cache: "no-store" });
      if (answer.status === 401) { location.reload(); return; }
      const text = await answer.text();
      swap(new DOMParser().parseFromString(trusted ? trusted.createHTML(text) : text, "text/html"));
    } while (again);
  } catch {
    // The stream tells of a lost connection too, and asks again.
  } finally {
    asking = false;
  }
}

function listen() {
  const events = new EventSource("/events");
  const line = document.getElementById("line");
  events.addEventListener("changed", () => { line.hidden = true; refresh(); });
  events.addEventListener("ended", () => { events.close(); location.reload(); });
  events.addEventListener("error", () => {
    line.hidden = false;
    if (events.readyState === EventSource.CLOSED) setTimeout(() => { refresh(); listen(); }, 10000);
  });
}

// Arrow keys go from one row to the next; Tab and Enter work as everywhere.
document.addEventListener("keydown", (e) => {
  const list = e.target.closest?.("[data-rows]");
  const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
  if (!list || !step || e.ctrlKey || e.metaKey || e.altKey) return;
  const rows = [...list.querySelectorAll("h2 a")];
  const to = rows[rows.indexOf(e.target) + step];
  if (to) { e.preventDefault(); to.focus(); }
});

// An answer that began in this tab needs no second word after the login for it:
// what a tab of this origin keeps, no other port's page can read or write.
document.addEventListener("submit", (e) => {
  const mark = e.target.querySelector("input[name=mark]");
  if (mark) sessionStorage.setItem("mark", mark.value = crypto.randomUUID());
});
const begun = document.querySelector("form[data-mark]");
if (begun) {
  const mine = sessionStorage.getItem("mark") === begun.dataset.mark;
  sessionStorage.removeItem("mark");
  if (mine) begun.submit();
}

tick();
setInterval(tick, 1000);
if (live) listen();
