// Links into Airflow out of its frame, filters that apply themselves, and charts.
(() => {
  const framed = (() => { try { return parent !== window && !!parent.document; } catch { return false; } })();

  // Airflow's frame opens no other windows: a link is clicked in the page around it, where its router takes it.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-airflow]");
    if (!link || !framed || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const outer = parent.document.createElement("a");
    outer.href = link.getAttribute("href");
    parent.document.body.append(outer);
    outer.click();
    outer.remove();
  });

  // A choice made by a pointer applies at once; by keyboard, where arrows pass by other choices, it waits for the button.
  const FOCUS = "trialflow-filter";
  for (const form of document.querySelectorAll("form[data-auto]")) {
    let pointed = false;
    form.addEventListener("pointerdown", () => { pointed = true; });
    form.addEventListener("keydown", () => { pointed = false; });
    form.addEventListener("change", (event) => { if (pointed && event.target.matches("select")) form.requestSubmit(); });
    form.addEventListener("submit", () => {
      try { sessionStorage.setItem(FOCUS, document.activeElement?.name || "show"); } catch { /* no storage: no focus */ }
      for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
    });
    // Going back must not leave a filter that the rows do not follow.
    addEventListener("pageshow", (event) => {
      for (const field of form.elements) field.disabled = false;
      if (event.persisted) form.reset();
    });
    try {
      const name = sessionStorage.getItem(FOCUS);
      sessionStorage.removeItem(FOCUS);
      if (name) (form.elements[name] ?? form.querySelector("button"))?.focus({ preventScroll: true });
    } catch { /* no storage: no focus */ }
  }

  // A memo is as tall as its text. It may have been loaded before this script.
  for (const memo of document.querySelectorAll("iframe.memo")) {
    const fit = () => {
      const text = memo.contentDocument?.documentElement;
      if (text?.scrollHeight) memo.style.setProperty("height", `${text.scrollHeight + 8}px`);
    };
    memo.addEventListener("load", fit);
    addEventListener("resize", fit);
    fit();
  }

  // The table of contents says which section is being read.
  const entries = new Map([...document.querySelectorAll("nav.contents a")].map((link) => [link.hash.slice(1), link]));
  const sections = [...entries.keys()].map((key) => document.getElementById(key)).filter(Boolean);
  const reading = () => {
    const read = sections.filter((one) => one.getBoundingClientRect().top < 100).pop();
    for (const [key, link] of entries) {
      if (read?.id === key) link.setAttribute("aria-current", "location");
      else link.removeAttribute("aria-current");
    }
  };
  if (sections.length) {
    addEventListener("scroll", () => requestAnimationFrame(reading), { passive: true });
    reading();
  }

  const charts = [...document.querySelectorAll("figure.chart[data-spec]")];
  if (!charts.length) return;

  const style = () => getComputedStyle(document.documentElement);
  const colour = (name) => style().getPropertyValue(`--${name}`).trim();
  // Specifications name colours by their meaning ("@good"); the theme says what they look like.
  const coloured = (value) => {
    if (typeof value === "string") return value.startsWith("@") ? colour(value.slice(1)) : value;
    if (Array.isArray(value)) return value.map(coloured);
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v)]));
    return value;
  };
  // What a specification says under "narrow" stands instead of what stands beside it, where there is little room.
  const NARROW = 440;
  const fitted = (value, narrow) => {
    if (Array.isArray(value)) return value.map((one) => fitted(one, narrow));
    if (!value || typeof value !== "object") return value;
    const { narrow: instead, ...rest } = value;
    const chosen = narrow && instead ? { ...rest, ...instead } : rest;
    return Object.fromEntries(Object.entries(chosen).map(([key, one]) => [key, fitted(one, narrow)]));
  };
  const config = (narrow, width) => ({
    background: "transparent",
    font: style().getPropertyValue("--sans"),
    view: { stroke: null },
    axis: { labelColor: colour("soft"), titleColor: colour("soft"), gridColor: colour("grid"), domainColor: colour("line"),
      tickColor: colour("line"), labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500, labelLimit: 220 },
    axisX: narrow ? { titleAnchor: "end", titleLimit: width - 16 } : {},
    legend: { labelColor: colour("ink"), titleColor: colour("soft"), labelFontSize: 12, titleFontSize: 12, orient: "top" },
    header: { labelColor: colour("ink"), titleColor: colour("soft") },
    text: { color: colour("ink") },
    range: { category: [colour("mark"), colour("second"), colour("third"), colour("fourth"), colour("fifth")] },
  });

  const tip = document.createElement("div");
  tip.className = "tooltip";
  tip.setAttribute("role", "status");
  tip.hidden = true;
  document.body.append(tip);
  // Values that a row does not have are no lines. What a finger asked for stays until it asks elsewhere.
  let touched = false;
  let shownAt = 0;
  const tooltip = (_handler, event, _item, value) => {
    const lines = value && typeof value === "object" ? Object.entries(value) : value ? [["", value]] : [];
    const text = lines.filter(([, v]) => v !== "" && v != null && v !== "null" && v !== "undefined")
      .map(([k, v]) => (k ? `${k}: ${v}` : v)).join("\n");
    if (!text && touched) return;
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    shownAt = scrollY;
    const right = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
    tip.style.setProperty("left", `${Math.max(right, 8)}px`);
    tip.style.setProperty("top", `${Math.max(event.clientY - tip.offsetHeight - 10, 8)}px`);
  };
  document.addEventListener("pointerdown", (event) => {
    touched = false;
    tip.hidden = true;
    const mark = event.pointerType === "touch" && event.target.closest?.(".plot svg") && event.target;
    if (!mark) return;
    const { clientX, clientY } = event;
    for (const type of ["pointerover", "pointermove"])
      mark.dispatchEvent(new PointerEvent(type, { bubbles: true, clientX, clientY, pointerType: "touch" }));
    touched = !tip.hidden;
  });
  addEventListener("scroll", () => {
    if (Math.abs(scrollY - shownAt) < 8) return;
    touched = false;
    tip.hidden = true;
  }, { passive: true });

  const narrowed = new Map();
  const drawn = new Map();
  const isNarrow = (figure) => figure.querySelector(".plot").clientWidth < NARROW;
  const draw = async (figure) => {
    const plot = figure.querySelector(".plot");
    const narrow = isNarrow(figure);
    narrowed.set(figure, narrow);
    const spec = coloured(fitted(JSON.parse(document.getElementById(figure.dataset.spec).textContent), narrow));
    // A picture that is replaced must not go on listening to the window.
    drawn.get(figure)?.then((one) => one.finalize()).catch(() => {});
    try {
      const making = vegaEmbed(plot, { width: "container", autosize: { type: "fit-x", contains: "padding" }, ...spec },
        { mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false,
          config: config(narrow, plot.clientWidth), tooltip });
      drawn.set(figure, making);
      await making;
      // The plot is one picture with a label; its marks are no pictures of their own.
      plot.querySelector("svg")?.setAttribute("aria-hidden", "true");
      figure.dataset.drawn = "yes";
    } catch (problem) {
      plot.textContent = `This chart could not be drawn (${problem.message}); its numbers stand below.`;
      figure.querySelector("details")?.setAttribute("open", "");
    }
  };
  const all = () => charts.forEach(draw);
  // The libraries are deferred scripts that stand after this one.
  addEventListener("DOMContentLoaded", () => {
    if (typeof vegaEmbed === "undefined") return;
    all();
    addEventListener("theme", all);
    addEventListener("resize", () => charts.filter((figure) => isNarrow(figure) !== narrowed.get(figure)).forEach(draw));
  });
})();
