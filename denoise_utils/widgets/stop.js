// While a cell runs, the kernel hears no button. So this one does what the stop button (■) of the notebook does.
function render({ model, el }) {
  const kernel = model.widget_manager?.kernel; // JupyterLab and Jupyter Notebook have it, Colab has not
  const stop = document.createElement(kernel?.interrupt ? "button" : "span");
  const other = "Press ■ to stop. The network keeps what it has learned.";
  stop.textContent = kernel?.interrupt ? "stop and keep" : other;
  stop.className = kernel?.interrupt ? "jupyter-button widget-button" : "";
  stop.addEventListener("click", () => {
    kernel?.interrupt();
    setTimeout(() => stop.replaceWith(other), 2000); // elsewhere (VS Code) it may have had no effect
  });
  el.append(stop);
}
export default { render };
