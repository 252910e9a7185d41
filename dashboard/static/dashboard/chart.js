/* The equity chart: one line a currency, from JSON; the table beside it says the same in numbers. */
(() => {
  "use strict";
  const holder = document.getElementById("equity-chart");
  if (!holder || !window.LightweightCharts) return;
  const choice = document.getElementById("equity-choice");
  const table = document.getElementById("equity-table");
  const empty = document.getElementById("equity-empty");
  const timeZone = document.body.dataset.timezone || "UTC";
  const stamp = new Intl.DateTimeFormat("en-GB", {
    day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit",
    hourCycle: "h23", timeZone,
  });
  const short = new Intl.DateTimeFormat("en-GB", {
    hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone,
  });
  const days = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short", timeZone });
  const money = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const FEW = 40;
  const SLOTS = 240;
  let chart = null;
  let line = null;
  let curves = [];
  let shown = null;
  let points = [];
  let slots = 0;

  // The library can't read light-dark() or oklch(): a pixel of a canvas says the colour in rgba.
  const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const colour = (name, alpha = 1) => {
    const probe = document.createElement("span");
    probe.className = `probe-${name}`;
    holder.append(probe);
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = getComputedStyle(probe).color;
    pixel.fillRect(0, 0, 1, 1);
    probe.remove();
    const [red, green, blue] = pixel.getImageData(0, 0, 1, 1).data;
    return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
  };
  const paint = () => {
    chart.applyOptions({
      layout: { background: { color: "transparent" }, textColor: colour("quiet"), attributionLogo: false },
      grid: { vertLines: { visible: false }, horzLines: { color: colour("line") } },
      rightPriceScale: { borderVisible: false },
      timeScale: { borderColor: colour("line") },
    });
    line.applyOptions({
      lineColor: colour("info"), topColor: colour("info", 0.22), bottomColor: colour("info", 0),
    });
  };
  // The axis gives each point one slot, so a few points would stand evenly apart, whatever the time
  // between them. Empty slots at even steps in between put each where it belongs.
  const spread = (data) => {
    if (data.length < 2 || data.length > SLOTS) return data;
    const first = data[0].time;
    const last = data.at(-1).time;
    const step = Math.max(1, (last - first) / SLOTS);
    const bySecond = new Map();
    for (let at = first; at < last; at += step) {
      const time = Math.round(at);
      bySecond.set(time, { time });
    }
    for (const point of data) bySecond.set(point.time, point);
    return [...bySecond.values()].sort((one, other) => one.time - other.time);
  };
  // A change of a cent must not fill the chart: at least 0.1 % of the equity is always in sight.
  const inSight = (original) => {
    const found = original();
    if (!found?.priceRange) return found;
    const { minValue, maxValue } = found.priceRange;
    const middle = (minValue + maxValue) / 2;
    const half = Math.max((maxValue - minValue) / 2, Math.abs(middle) * 0.0005, 0.01);
    return { ...found, priceRange: { minValue: middle - half, maxValue: middle + half } };
  };
  const show = () => {
    line.applyOptions({ pointMarkersVisible: points.length <= FEW });
    const scale = chart.timeScale();
    const seen = scale.getVisibleLogicalRange();
    const whole = !seen || (seen.from < 1 && seen.to > slots - 2);
    const data = spread(points);
    slots = data.length;
    line.setData(data);
    if (whole) scale.fitContent(); // whoever zoomed in stays there
  };
  const draw = () => {
    shown = curves.find((each) => each.currency === choice.value) ?? curves[0];
    points = [];
    for (const [ms, value] of shown.points) {
      const time = Math.floor(ms / 1000);
      if (points.length && points.at(-1).time >= time) points.pop();
      points.push({ time, value: Number(value) });
    }
    show();
    table.replaceChildren(...shown.points.slice(-50).reverse().map(([ms, value]) => {
      const row = document.createElement("tr");
      const at = document.createElement("td");
      at.textContent = stamp.format(ms);
      const amount = document.createElement("td");
      amount.className = "num";
      amount.textContent = `${money.format(value)} ${shown.currency}`;
      row.append(at, amount);
      return row;
    }));
  };
  const start = () => {
    chart = LightweightCharts.createChart(holder, {
      autoSize: true,
      layout: { attributionLogo: false, fontSize: 11 },
      handleScroll: { vertTouchDrag: false },
      localization: {
        priceFormatter: (value) => money.format(value),
        timeFormatter: (time) => stamp.format(time * 1000),
      },
      timeScale: {
        timeVisible: true,
        minBarSpacing: 0.05,
        tickMarkFormatter: (time, type) => (type < 3 ? days : short).format(time * 1000),
      },
    });
    line = chart.addSeries(LightweightCharts.AreaSeries, {
      lineWidth: 2, priceLineVisible: false, pointMarkersRadius: 3, autoscaleInfoProvider: inSight,
    });
    paint();
    draw();
  };
  const load = async () => {
    const answer = await fetch(holder.dataset.url, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    curves = (await answer.json()).curves;
    const any = curves.length > 0;
    holder.hidden = !any;
    empty.hidden = any;
    if (!any) return;
    if (choice.options.length !== curves.length) {
      choice.replaceChildren(...curves.map((each) => new Option(each.currency, each.currency)));
      choice.hidden = curves.length < 2;
    }
    if (chart) draw();
    else start();
  };
  choice.addEventListener("change", () => {
    draw();
    chart.timeScale().fitContent();
  });
  document.addEventListener("theme:changed", () => { if (chart) paint(); });

  // A fill bends the line, so it is fetched; a tick moves only its last point, when it is alone.
  let timer = 0;
  document.addEventListener("live:frame", ({ detail: frame }) => {
    if (frame.type === "order" && (frame.status === "filled" || frame.status === "partially_filled")) {
      timer ||= setTimeout(() => { timer = 0; load(); }, 1500);
    }
    if (frame.type === "equity" && shown && line && shown.accounts.length === 1
        && shown.accounts[0] === frame.id) {
      const time = Math.floor(Date.now() / 1000);
      if (time <= points.at(-1).time) return;
      points[points.length - 1] = { time, value: Number(frame.equity) };
      show();
    }
  });
  load();
})();
