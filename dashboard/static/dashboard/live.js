/* The live channel: one socket, small JSON frames, panels that fetch themselves anew.

   A frame never carries a table. It names what changed; panels with that kind in data-live are
   fetched again (hx-get), at most once per REST_MS each. Only ticking numbers ("mark", "equity") are
   written in place. Whatever is lost in between is made good by one catch-up after a reconnect. */
(() => {
  "use strict";
  const body = document.body;
  const badge = document.getElementById("link-state");
  const pauseButton = document.getElementById("pause-live");
  const SOON_MS = 40;
  const REST_MS = 400;
  const PING_MS = 10_000;
  const SILENT_MS = 25_000;
  const versions = new Map();
  const due = new Map();
  const fetchedAt = new Map();
  let socket = null;
  let attempt = 0;
  let retryTimer = 0;
  let lastHeard = 0;
  let lostAt = null;
  let paused = false;
  let missed = 0;

  // ---- badge ----
  const clock = new Intl.DateTimeFormat("en-GB", {
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
    timeZone: body.dataset.timezone || "UTC",
  });
  const say = (state, text) => {
    if (badge.dataset.state === state && badge.textContent === text) return;
    badge.dataset.state = state;
    badge.textContent = text;
    body.dataset.link = state;
  };
  const showState = () => {
    if (paused) {
      say("paused", missed ? `Paused, ${missed} missed` : "Paused");
    } else if (socket?.readyState === WebSocket.OPEN && lostAt === null) {
      say("live", "Live");
    } else if (lostAt === null) {
      say("connecting", "Connecting");
    } else if (Date.now() - lostAt < 10_000) {
      say("reconnecting", "Reconnecting");
    } else {
      say("stale", `Stale since ${clock.format(lostAt)}`);
    }
  };

  // ---- panels ----
  const panels = (kind) => document.querySelectorAll(kind ? `[data-live~="${kind}"]` : "[data-live]");
  const refresh = (panel) => {
    if (due.has(panel)) return;
    const rested = (fetchedAt.get(panel) ?? 0) + REST_MS - performance.now();
    const wait = Math.max(SOON_MS, rested);
    due.set(panel, setTimeout(() => {
      due.delete(panel);
      if (!panel.isConnected) return;
      fetchedAt.set(panel, performance.now());
      htmx.trigger(panel, "live-refresh");
    }, wait));
  };
  const wants = (panel, frame) => !panel.dataset.liveId || panel.dataset.liveId === frame.id;
  const catchUp = () => panels().forEach(refresh);

  // ---- numbers in place ----
  const money = new Intl.NumberFormat("en-US", {
    minimumFractionDigits: 2, maximumFractionDigits: 2,
  });
  const price = new Intl.NumberFormat("en-US", {
    minimumFractionDigits: 2, maximumFractionDigits: 8,
  });
  const each = (name, id, write) => {
    document.querySelectorAll(`[data-${name}="${CSS.escape(id)}"]`).forEach(write);
  };
  const signed = (element, text) => {
    const flat = Math.abs(Number(text)) < 0.005;
    const up = !text.startsWith("-");
    const digits = money.format(up ? text : text.slice(1));
    element.className = flat ? "flat" : up ? "up" : "down";
    element.textContent = flat ? "0.00" : up ? `▲ +${digits}` : `▼ −${digits}`;
  };
  const mark = (frame) => {
    if (frame.mark_price != null) {
      each("mark", frame.id, (e) => { e.textContent = price.format(frame.mark_price); });
    }
    if (frame.unrealized_pnl != null) each("pnl", frame.id, (e) => signed(e, frame.unrealized_pnl));
  };
  // Sums are left to the server, which has Decimal: a tick of one account asks for the panel.
  let figuresTimer = 0;
  const equity = (frame) => {
    each("equity", frame.id, (e) => { e.textContent = money.format(frame.equity); });
    if (frame.todays_pnl != null) each("today", frame.id, (e) => signed(e, frame.todays_pnl));
    figuresTimer ||= setTimeout(() => {
      figuresTimer = 0;
      panels("figures").forEach(refresh);
    }, 2000);
  };

  // An order that needs its owner's look is an alarm on every page; most orders never are.
  const inReview = (frame) => frame.type === "order" && (
    frame.reason === "NEEDS_REVIEW" ||
    document.querySelector(`[data-review~="${CSS.escape(frame.id)}"]`)
  );

  // ---- frames ----
  const toast = (text, tone) => {
    document.dispatchEvent(new CustomEvent("toast", { detail: { text, tone } }));
  };
  const announce = (frame) => {
    if (frame.type !== "order") return;
    const what = frame.symbol ?? "An order";
    if (frame.status === "filled") toast(`${what}: order filled.`, "good");
    if (frame.status === "rejected") toast(`${what}: the venue rejected the order.`, "bad");
    if (frame.status === "denied") toast(`${what}: the order was denied before sending.`, "bad");
    if (frame.status === "unconfirmed") {
      const look = frame.reason === "NEEDS_REVIEW";
      toast(look ? `${what}: look at the venue for it.` : `${what}: outcome unknown, being checked.`, "bad");
    }
  };
  const isOld = (frame) => {
    if (!frame.version) return false;
    const key = `${frame.type} ${frame.id}`;
    const seen = versions.get(key) ?? 0;
    // A mark carries its position's version: many marks of one version are all new.
    if (frame.type === "mark" ? seen > frame.version : seen >= frame.version) return true;
    versions.set(key, frame.version);
    if (versions.size > 5000) versions.clear();
    return false;
  };
  const take = (frame) => {
    if (isOld(frame)) return;
    if (paused) {
      missed += 1;
      showState();
      return;
    }
    if (frame.type === "mark") mark(frame);
    else if (frame.type === "equity") equity(frame);
    else {
      panels(frame.type).forEach((panel) => { if (wants(panel, frame)) refresh(panel); });
      if (inReview(frame)) panels("review").forEach(refresh);
      announce(frame);
    }
    document.dispatchEvent(new CustomEvent("live:frame", { detail: frame }));
  };

  // ---- the socket ----
  const leave = () => location.assign(location.href); // the server shows the sign-in page
  const probe = async () => {
    try {
      const answer = await fetch(body.dataset.probeUrl, { cache: "no-store" });
      if (answer.status === 401) leave();
    } catch {
      // The server is away, which is why we are here.
    }
  };
  const lost = (event) => {
    if (event.target !== socket) return;
    socket = null;
    if (event.code === 4401) {
      leave();
      return;
    }
    lostAt ??= Date.now();
    if (attempt === 1) probe();
    const wait = Math.min(30_000, 500 * 2 ** attempt) * (0.5 + Math.random() / 2);
    attempt += 1;
    clearTimeout(retryTimer);
    retryTimer = setTimeout(connect, wait);
    showState();
  };
  const heard = (event) => {
    lastHeard = Date.now();
    const frame = JSON.parse(event.data);
    if (frame.type === "pong") return;
    if (frame.type === "hello") {
      attempt = 0;
      lostAt = null;
      showState();
      // Also the first time: what came between the page's render and now is not missed.
      if (!paused) catchUp();
      return;
    }
    take(frame);
  };
  function connect() {
    clearTimeout(retryTimer);
    if (socket) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(`${scheme}//${location.host}${body.dataset.liveUrl}`);
    socket.addEventListener("message", heard);
    socket.addEventListener("close", lost);
    lastHeard = Date.now();
    showState();
  }
  const beat = () => {
    if (socket?.readyState === WebSocket.OPEN) {
      if (Date.now() - lastHeard > SILENT_MS) {
        // Half-open: nothing will ever come, and no close event either.
        const dead = socket;
        dead.close();
        lost({ target: dead, code: 0 });
      } else {
        socket.send('{"type":"ping"}');
      }
    }
    showState();
  };
  const wake = () => {
    if (document.visibilityState === "hidden") return;
    if (!socket) {
      attempt = 0;
      connect();
    } else {
      beat();
    }
  };
  setInterval(beat, PING_MS);
  setInterval(showState, 1000);
  document.addEventListener("visibilitychange", wake);
  addEventListener("online", wake);
  addEventListener("pageshow", (event) => { if (event.persisted) wake(); });

  pauseButton.addEventListener("click", () => {
    paused = !paused;
    pauseButton.setAttribute("aria-pressed", String(paused));
    if (!paused) {
      missed = 0;
      catchUp();
    }
    showState();
  });
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) leave();
  });
  connect();
})();
