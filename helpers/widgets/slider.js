// A labelled slider of whole numbers, with its value beside it.

let sliders = 0;

function render({ model, el }) {
  // JupyterLab's own shortcuts are not for this slider
  el.dataset.lmSuppressShortcuts = "true";
  el.classList.add("workbook-slider");
  const label = document.createElement("label");
  const range = document.createElement("input");
  const shown = document.createElement("span");
  shown.ariaHidden = "true"; // a screen reader hears it from the slider
  range.type = "range";
  range.id = `workbook-slider-${++sliders}-${Date.now()}`;
  label.htmlFor = range.id;
  el.append(label, range, shown);

  const show = () => {
    label.textContent = model.get("label");
    range.min = model.get("least");
    range.max = model.get("most");
    range.value = model.get("value");
    shown.textContent = range.value;
  };
  const keep = () => {
    model.set("value", Number(range.value));
    model.save_changes();
  };
  range.addEventListener("input", keep);
  // a change may have to wait for the one before; a press on a button would overtake it, but not this
  range.addEventListener("blur", () => model.send({ kept: Number(range.value) }));
  range.addEventListener("keydown", (event) => {
    // JupyterLab takes these keys away
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    range.value = Number(range.value) + step;
    keep();
  });
  model.on("change", show);
  show();
  return () => model.off("change", show);
}

export default { render };
