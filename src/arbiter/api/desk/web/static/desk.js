// What the pages need in the browser: change only what differs, and the theme.
window.desk = (() => {
  const KEY = "arbiter-theme";
  const number = (text) => parseFloat(text.replace(/[,+ ]/g, "").replace("−", "-"));

  // Let changed figures glow for a moment, green when they rose and red when they fell. All of an
  // update are lit at once and put out at once: hundreds of animations would draw without a pause.
  const GLOW_MS = 400;
  const lit = new Map();
  let glowing = 0;

  function tick(node, before, after) {
    const cell = node.parentElement && node.parentElement.closest(".tick");
    const change = cell ? number(after) - number(before) : 0;
    if (change) lit.set(cell, change > 0 ? "rose" : "fell");
  }

  function darken() {
    lit.forEach((_, cell) => cell.classList.remove("rose", "fell"));
    lit.clear();
  }

  function glow() {
    if (!lit.size) return;
    lit.forEach((name, cell) => cell.classList.add(name));
    clearTimeout(glowing);
    glowing = setTimeout(darken, GLOW_MS);
  }

  function attributes(from, to) {
    for (const { name, value } of [...to.attributes]) {
      if (from.getAttribute(name) !== value) from.setAttribute(name, value);
    }
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name)) from.removeAttribute(name);
    }
  }

  // Nodes that stay keep their focus, their selection and the click that is under way.
  function morph(from, to) {
    const old = [...from.childNodes];
    const fresh = [...to.childNodes];
    fresh.forEach((node, index) => {
      const kept = old[index];
      if (!kept) from.append(node);
      else if (kept.nodeName !== node.nodeName) kept.replaceWith(node);
      else if (node.nodeType === Node.TEXT_NODE) {
        if (kept.data !== node.data) {
          const before = kept.data;
          kept.data = node.data;
          tick(kept, before, node.data);
        }
      } else if (node.nodeType === Node.ELEMENT_NODE) {
        attributes(kept, node);
        morph(kept, node);
      }
    });
    old.slice(fresh.length).forEach((node) => node.remove());
  }

  function show(regions) {
    darken();
    for (const [name, html] of Object.entries(regions)) {
      const region = document.querySelector(`[data-name="${name}"]`);
      if (!region) continue;
      const template = document.createElement("template");
      template.innerHTML = html;
      morph(region, template.content);
    }
    glow();
  }

  const dark = () => document.body.classList.contains("body--dark");
  const colour = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

  function paint() {
    const muted = { color: colour("--muted") };
    const lines = { lineStyle: { color: colour("--line") } };
    const up = colour("--up");
    const down = colour("--down");
    const tip = {
      backgroundColor: colour("--raised"),
      borderColor: colour("--line"),
      textStyle: { color: colour("--text") },
    };
    document.querySelectorAll(".chart").forEach((place) => {
      const element = getElement(parseInt(place.id.slice(1)));
      const chart = element && element.chart;
      if (!chart) return;
      const axis = { axisLabel: muted, axisLine: lines, splitLine: lines };
      const series = chart.getOption().series.map((each) =>
        each.type === "candlestick"
          ? { itemStyle: { color: up, color0: down, borderColor: up, borderColor0: down } }
          : { itemStyle: { color: colour("--accent") }, lineStyle: { color: colour("--accent") } },
      );
      chart.setOption({ xAxis: axis, yAxis: axis, tooltip: tip, series });
    });
  }

  function apply() {
    const kept = localStorage.getItem(KEY);
    if (kept && window.Quasar) Quasar.Dark.set(kept === "dark");
    document.documentElement.lang = "en";
    paint();
  }

  // Where the row of pages is wider than the screen, the one shown must not be out of sight.
  function showHere() {
    const here = document.querySelector("nav [aria-current]");
    if (here) here.parentElement.scrollLeft = here.offsetLeft - here.parentElement.offsetLeft - 40;
  }

  function theme() {
    localStorage.setItem(KEY, dark() ? "light" : "dark");
    apply();
  }

  window.addEventListener("load", () => {
    apply();
    showHere();
    new MutationObserver(paint).observe(document.body, {
      attributes: true,
      attributeFilter: ["class"],
    });
    [50, 300, 1000].forEach((ms) => setTimeout(apply, ms)); // charts come after the page
  });
  return { show, theme, paint };
})();
