// A button with which a file is chosen. What is in it is sent as a whole; nothing is counted on it.

function render({ model, el }) {
  el.classList.add("workbook-file");
  const button = document.createElement("button");
  button.className = "jupyter-button";
  button.type = "button";
  const input = document.createElement("input");
  input.type = "file";
  input.hidden = true;
  el.append(button, input);

  const show = () => {
    button.textContent = model.get("label");
    input.accept = model.get("accept");
  };
  button.addEventListener("click", () => {
    input.value = ""; // so that the same file, mended, can be chosen again
    input.click();
  });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    model.set("value", [{ name: file.name, content: new DataView(await file.arrayBuffer()) }]);
    model.save_changes();
  });
  model.on("change:label", show);
  model.on("change:accept", show);
  show();
  return () => {
    model.off("change:label", show);
    model.off("change:accept", show);
  };
}

export default { render };
