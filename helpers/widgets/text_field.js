// A labelled text field: Ctrl+Enter (⌘+Enter) sends what is in it.

let fields = 0;

function render({ model, el }) {
  // JupyterLab's own shortcuts, such as Ctrl+Enter to run a cell, are not for this field
  el.dataset.lmSuppressShortcuts = "true";
  el.classList.add("workbook-field");
  const label = document.createElement("label");
  const area = document.createElement("textarea");
  area.id = `workbook-field-${++fields}-${Date.now()}`;
  label.htmlFor = area.id;
  el.append(label, area);

  const show = () => {
    label.textContent = model.get("label");
    area.placeholder = model.get("placeholder");
    area.rows = model.get("rows");
    if (area.value !== model.get("value") && !waiting) area.value = model.get("value");
  };
  // not with each key: 100,000 characters would travel each time
  let waiting = 0;
  const keep = () => {
    clearTimeout(waiting);
    waiting = 0;
    if (model.get("value") === area.value) return;
    model.set("value", area.value);
    model.save_changes();
  };
  area.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(keep, 300);
  });
  area.addEventListener("blur", () => {
    keep();
    // a change may have to wait for the one before; a press on a button would overtake it, but not this
    model.send({ kept: area.value });
  });
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.ctrlKey && !event.metaKey) {
      // JupyterLab takes new lines away from text fields in cells; one from a command stays, and can be undone
      if (!document.execCommand("insertText", false, "\n")) {
        area.setRangeText("\n", area.selectionStart, area.selectionEnd, "end");
        area.dispatchEvent(new Event("input"));
      }
      return;
    }
    clearTimeout(waiting);
    waiting = 0;
    model.send({ sent: area.value });
  });
  model.on("change", show);
  show();
  return () => model.off("change", show);
}

export default { render };
