/* What every page needs: theme, menu, dialogs, copy buttons, tabs, local times, toasts.
   Listeners sit on the document, so parts that were fetched anew work without being wired again. */
(() => {
  "use strict";
  const $ = (id) => document.getElementById(id);

  // ---- theme ----
  $("theme-toggle")?.addEventListener("click", () => {
    const root = document.documentElement;
    const next = root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
    root.setAttribute("data-bs-theme", next);
    try {
      localStorage.setItem("tradehub.theme", next);
    } catch {
      // Not remembered where storage is forbidden.
    }
    document.dispatchEvent(new CustomEvent("theme:changed"));
  });

  // ---- menu on a phone ----
  const rail = $("rail");
  const toggle = $("rail-toggle");
  const openRail = (open) => {
    rail?.classList.toggle("is-open", open);
    toggle?.setAttribute("aria-expanded", String(open));
  };
  toggle?.addEventListener("click", () => openRail(!rail.classList.contains("is-open")));

  // ---- dialogs ----
  let confirmed = null;
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
      opener.closest("dialog")?.close(); // one leads to a stronger one
      $(opener.dataset.dialog)?.showModal();
    }
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
    if (event.target.matches("dialog")) event.target.close(); // the backdrop
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.confirm || form === confirmed) return;
    event.preventDefault();
    confirmed = form;
    $("confirm-title").textContent = form.dataset.confirmTitle ?? "Are you sure?";
    $("confirm-text").textContent = form.dataset.confirm;
    $("confirm-yes").textContent = form.dataset.confirmYes ?? "Yes";
    $("confirm-dialog").showModal();
  });
  $("confirm-yes")?.addEventListener("click", () => {
    const form = confirmed;
    $("confirm-dialog").close();
    if (!form.isConnected) {
      // A live refresh replaced the row meanwhile; the form still says what was asked.
      form.hidden = true;
      document.body.append(form);
    }
    form.submit();
  });
  $("confirm-dialog")?.addEventListener("close", () => {
    confirmed = null;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && rail?.classList.contains("is-open")) {
      openRail(false);
      toggle.focus();
    }
  });

  // What makes something once is sent once: of a second click the answer would hide the first one.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !form.elements.namedItem("once")) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 5000); // it may have been stopped
  });

  // ---- toasts ----
  const toast = (text, tone = "") => {
    const line = document.createElement("div");
    line.className = `toast-line ${tone}`;
    const words = document.createElement("span");
    words.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.setAttribute("aria-label", "Dismiss");
    close.textContent = "×";
    close.addEventListener("click", () => line.remove());
    line.append(words, close);
    const list = $("toasts");
    list.append(line);
    while (list.children.length > 4) list.firstElementChild.remove();
    setTimeout(() => line.remove(), 8000);
  };
  document.addEventListener("toast", (event) => toast(event.detail.text, event.detail.tone));

  // ---- copy ----
  const copy = async (text) => {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    // Plain http on a home network has no clipboard API.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("copy refused");
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = $(button.dataset.copy);
    const text = source.value ?? source.textContent;
    try {
      await copy(text);
      toast("Copied.", "good");
    } catch {
      source.select?.();
      toast("The browser did not let us copy. The text is selected: press Ctrl+C.", "bad");
    }
  });

  // ---- tabs: <div role=tablist> with buttons that name their panel ----
  const choose = (tab) => {
    for (const each of tab.closest("[role=tablist]").querySelectorAll("[role=tab]")) {
      const on = each === tab;
      each.setAttribute("aria-selected", String(on));
      each.tabIndex = on ? 0 : -1;
      $(each.getAttribute("aria-controls")).hidden = !on;
    }
  };
  document.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) choose(tab);
  });
  document.addEventListener("keydown", (event) => {
    const tab = event.target.closest?.("[role=tab]");
    if (!tab || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const tabs = [...tab.closest("[role=tablist]").querySelectorAll("[role=tab]")];
    const step = event.key === "ArrowRight" ? 1 : -1;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    choose(next);
    next.focus();
  });

  // ---- times in the zone of the user's profile; the title keeps exact UTC ----
  const zone = document.body.dataset.timezone || "UTC";
  const day = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short", timeZone: zone });
  const clock = new Intl.DateTimeFormat("en-GB", {
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: zone,
  });
  const exact = new Intl.DateTimeFormat("en-GB", {
    hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3,
    hourCycle: "h23", timeZone: zone,
  });
  const localTimes = (root) => {
    for (const element of root.querySelectorAll("time[datetime]:not([data-local])")) {
      const at = new Date(element.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      const precision = element.dataset.precision;
      const time = (precision === "ms" ? exact : clock).format(at);
      const today = precision !== "full" && day.format(new Date()) === day.format(at);
      if (precision === "day") element.textContent = day.format(at);
      else element.textContent = today ? time : `${day.format(at)} ${time}`;
      element.dataset.local = "";
    }
  };
  localTimes(document);
  if ($("time-zone")) $("time-zone").textContent = `Times are ${zone}.`;
  document.addEventListener("htmx:afterSwap", (event) => localTimes(event.target.parentNode ?? document));
})();
