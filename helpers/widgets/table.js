// A table to sort. It fetches its rows itself, as many as there are since the last time: a page that is slow to draw
// them asks less often, and one that was reloaded gets them all.

const PAUSE = 500; // ms between two times that rows are fetched
const SHARE = 10; // drawing takes at most one part in so many of the time

function render({ model, el }) {
  const columns = model.get("columns");
  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  // JupyterLab's own shortcuts, such as the arrows to go to another cell, are not for this table
  el.dataset.lmSuppressShortcuts = "true";

  const make = (tag, parent, properties = {}) => parent.appendChild(Object.assign(document.createElement(tag), properties));
  const bar = make("div", el, { className: "workbook-row" });
  const whole = make("input", make("label", bar, { textContent: "Whole texts " }), { type: "checkbox" });
  const download = make("button", bar, { className: "jupyter-button", textContent: model.get("download"), type: "button" });
  const region = make("div", el, { className: "workbook-table", tabIndex: 0 });
  region.setAttribute("role", "region");
  region.setAttribute("aria-label", model.get("label"));
  const table = make("table", region);
  const head = make("tr", make("thead", table));
  const body = make("tbody", table);
  whole.addEventListener("change", () => table.classList.toggle("whole", whole.checked));

  // ---- sorting: numbers as numbers, and what is missing always last --------------------------------------------

  let by = 0;
  let down = false;
  const headers = columns.map(({ label, kind }, index) => {
    const header = make("th", head, { className: kind, scope: "col" });
    const button = make("button", header, { textContent: label, type: "button" });
    make("span", button, { className: "arrow" }).setAttribute("aria-hidden", "true");
    button.addEventListener("click", () => {
      down = by === index && !down;
      by = index;
      place();
    });
    return header;
  });
  const compare = ({ values: a }, { values: b }) => {
    if (a[by] === null || b[by] === null) return (a[by] === null) - (b[by] === null) || a[0] - b[0];
    const less = columns[by].kind === "number" ? a[by] - b[by] : order.compare(a[by], b[by]);
    return (down ? -less : less) || a[0] - b[0];
  };
  const place = () => {
    headers.forEach((header, index) => {
      if (index === by) header.setAttribute("aria-sort", down ? "descending" : "ascending");
      else header.removeAttribute("aria-sort");
      header.querySelector(".arrow").textContent = index === by ? (down ? " ▼" : " ▲") : "";
    });
    shown.sort(compare);
    let next = null; // what stands in its place already is not touched
    for (const { line } of shown.toReversed()) {
      if (line.parentNode !== body || line.nextSibling !== next) body.insertBefore(line, next);
      next = line;
    }
  };

  // ---- rows ----------------------------------------------------------------------------------------------------

  let shown = [];
  let edition = -1;
  let asked = false;
  let timer = 0;

  const row = (values) => {
    const line = document.createElement("tr");
    columns.forEach(({ kind, digits }, index) => {
      const value = values[index];
      const cell = make("td", line, { className: kind });
      const text = value === null ? "" : kind === "number" ? value.toFixed(digits) : value;
      // why a row failed is shown whole
      if (kind === "text") make("div", cell, { textContent: text, className: text.startsWith("✗ ") ? "failed" : "" });
      else cell.textContent = text;
    });
    return { values, line };
  };
  const fetch = () => {
    const there = model.get("there");
    if (there.edition !== edition) {
      edition = there.edition;
      shown = [];
      body.replaceChildren();
      asked = false;
    }
    el.hidden = !there.count;
    if (asked || timer || shown.length >= there.count) return;
    asked = true;
    model.send({ rows: shown.length, edition });
  };
  const receive = (content, buffers) => {
    if (content.rows && asked && content.edition === edition && content.from === shown.length) {
      const began = performance.now();
      asked = false;
      shown.push(...content.rows.map(row));
      place();
      body.getBoundingClientRect(); // the time for the layout counts too
      const took = performance.now() - began;
      timer = setTimeout(() => {
        timer = 0;
        fetch();
      }, Math.max(PAUSE, SHARE * took));
    } else if (content.file && waiting) {
      waiting = false;
      const address = URL.createObjectURL(new Blob(buffers, { type: "text/csv" }));
      const link = make("a", bar, { href: address, download: content.file, hidden: true });
      link.click();
      link.remove();
      setTimeout(() => URL.revokeObjectURL(address), 60000);
    }
  };

  let waiting = false; // this view asked for the file, and no other one is to save it too
  download.addEventListener("click", () => {
    waiting = true;
    model.send({ file: true });
  });

  model.on("change:there", fetch);
  model.on("msg:custom", receive);
  place();
  fetch();
  return () => {
    clearTimeout(timer);
    model.off("change:there", fetch);
    model.off("msg:custom", receive);
  };
}

export default { render };
