// A password field, the plain fields that go with it, and the button that sends them. What is typed here is kept in
// no widget's state, which may be saved with the notebook: it travels in one message, and the password is gone.

let forms = 0;

function render({ model, el }) {
  // JupyterLab's own shortcuts are not for these fields
  el.dataset.lmSuppressShortcuts = "true";
  el.classList.add("workbook-password");
  const form = `workbook-password-${++forms}-${Date.now()}`;
  const make = (tag, parent, properties = {}) => parent.appendChild(Object.assign(document.createElement(tag), properties));
  const field = (parent, name, label, properties) => {
    const group = make("div", parent, { className: "workbook-field" });
    make("label", group, { textContent: label, htmlFor: `${form}-${name}` });
    const input = make("input", group, { id: `${form}-${name}`, autocomplete: "off", spellcheck: false, ...properties });
    input.setAttribute("autocapitalize", "off");
    input.setAttribute("autocorrect", "off");
    return input;
  };

  // "off" would not keep browsers from filling in a password that they have saved, such as JupyterLab's own
  const password = field(el, "password", model.get("label"), { type: "password", autocomplete: "new-password" });
  const row = make("div", el, { className: "workbook-beside" });
  const beside = model.get("beside").map(({ name, label, value, wide }) => {
    const input = field(row, name, label, { type: "text", value });
    input.parentNode.classList.toggle("wide", wide);
    return { name, input, told: value };
  });
  const button = make("button", make("div", el), { className: "jupyter-button", textContent: model.get("button"), type: "button" });

  const show = () => {
    for (const each of [password, button, ...beside.map(({ input }) => input)]) each.disabled = model.get("disabled");
    // not disabled while it waits: who uses no mouse would lose the place
    button.setAttribute("aria-disabled", model.get("waiting"));
    for (const each of beside) {
      const { value } = model.get("beside").find(({ name }) => name === each.name);
      if (value !== each.told) each.input.value = each.told = value; // else what was typed there stays
    }
  };
  const send = () => {
    if (model.get("disabled") || model.get("waiting")) return;
    const sent = password.value;
    password.value = "";
    const typed = { sent, beside: Object.fromEntries(beside.map(({ name, input }) => [name, input.value])) };
    // as bytes: a kernel that logs its messages does not log those
    model.send({}, undefined, [new TextEncoder().encode(JSON.stringify(typed)).buffer]);
  };
  button.addEventListener("click", send);
  el.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.tagName !== "INPUT" || event.isComposing) return;
    event.preventDefault();
    event.stopPropagation();
    send();
  });
  model.on("change", show);
  show();
  return () => {
    password.value = "";
    model.off("change", show);
  };
}

export default { render };
