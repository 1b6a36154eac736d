/* What the pages do by themselves: tick clocks, say whether they are live, know the time zone. */
(() => {
  "use strict";

  /* The server formats times in the viewer's zone; only the browser knows which that is. */
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.includes(`tz=${encodeURIComponent(zone)}`)) {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie =
      `tz=${encodeURIComponent(zone)}; Path=/; Max-Age=31536000; SameSite=Strict${secure}`;
  }

  /* The same format as `span` in pages/showing.py, so that an update changes no width. */
  const pad = (n) => String(n).padStart(2, "0");
  const span = (seconds) => {
    const s = Math.floor(Math.abs(seconds));
    if (s >= 86400) return `${Math.floor(s / 86400)}d ${pad(Math.floor((s % 86400) / 3600))}h`;
    if (s >= 3600) return `${Math.floor(s / 3600)}h ${pad(Math.floor((s % 3600) / 60))}m`;
    if (s >= 60) return `${Math.floor(s / 60)}m ${pad(s % 60)}s`;
    return `${s}s`;
  };
  const put = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  const tick = () => {
    const now = Date.now();
    for (const element of document.querySelectorAll("[data-due]")) {
      const due = Date.parse(element.dataset.due);
      const left = (due - now) / 1000;
      put(element, left < 0 ? `−${span(left)}` : span(Math.ceil(left)));
      if (element.classList.contains("calm") || element.classList.contains("warning")) {
        const warn = element.dataset.warn ? Date.parse(element.dataset.warn) : Infinity;
        const how = left < 0 ? "late" : now >= warn ? "warning" : "calm";
        for (const name of ["calm", "warning", "late"]) {
          element.classList.toggle(name, name === how);
          const row = element.closest("tr, .clock");
          if (row) row.classList.toggle(`u-${name}`, name === how);
        }
      }
    }
    for (const element of document.querySelectorAll("[data-since]")) {
      put(element, span(Math.max(0, (now - Date.parse(element.dataset.since)) / 1000)));
    }
    for (const element of document.querySelectorAll("[data-ends]")) {
      element.hidden = Date.parse(element.dataset.ends) - now > 120000;
    }
  };
  setInterval(tick, 1000);

  const live = (on) => {
    for (const element of document.querySelectorAll("[data-live]")) {
      element.classList.toggle("is-on", on);
      put(element.lastElementChild, on ? element.dataset.on : element.dataset.off);
    }
  };
  document.addEventListener("htmx:sse:after:connection", () => live(true));
  document.addEventListener("htmx:sse:before:connection", () => live(false));
  document.addEventListener("htmx:sse:error", (event) => {
    live(false);
    if (event.detail.status === 401) location.reload();
  });
  document.addEventListener("htmx:sse:close", () => live(false));

  /* A renewed session ends later. The cookie itself is out of reach of scripts. */
  document.addEventListener("htmx:after:request", (event) => {
    const ends = event.detail.ctx?.response?.headers?.get?.("X-Session-Ends");
    if (!ends) return;
    for (const element of document.querySelectorAll("[data-ends]")) element.dataset.ends = ends;
    tick();
  });

  /* Filters apply at once; without this script their button does it. */
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-auto]");
    if (form) form.requestSubmit();
  });

  /* On a narrow screen the navigation scrolls: where one is must be seen. */
  document
    .querySelector(".nav [aria-current]")
    ?.scrollIntoView({ block: "nearest", inline: "center" });

  /* One open menu or action at a time; Escape closes it. */
  const close = (except) => {
    for (const open of document.querySelectorAll("details.menu[open], details.act[open]")) {
      if (open !== except) open.open = false;
    }
  };
  document.addEventListener(
    "toggle",
    (event) => {
      if (event.target.matches("details.menu, details.act") && event.target.open) {
        close(event.target);
      }
    },
    true,
  );
  /* What became of a command is read at the top: it comes into view, and a form that did its
     work is put away, so that it is not sent again. */
  const outcome = document.getElementById("outcome");
  if (outcome) {
    new MutationObserver(() => {
      const notice = outcome.querySelector(".notice");
      if (!notice) return;
      if (notice.classList.contains("good")) close(null);
      notice.scrollIntoView({ block: "nearest" });
    }).observe(outcome, { childList: true });
  }
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
    if (!event.target.closest("details.menu")) {
      for (const open of document.querySelectorAll("details.menu[open]")) open.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close(null);
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const find = document.getElementById("find");
      if (find) {
        event.preventDefault();
        find.focus();
      }
    }
    if ((event.key === "j" || event.key === "k") && !typing && !event.ctrlKey && !event.metaKey) {
      const links = [...document.querySelectorAll(".row-link")];
      if (!links.length) return;
      const at = links.indexOf(document.activeElement);
      const next = event.key === "j" ? at + 1 : at - 1;
      links[Math.max(0, Math.min(links.length - 1, next))].focus();
    }
  });
})();
