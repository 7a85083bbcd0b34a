// ipywidgets gives its sliders no names that a screen reader could read, and does not announce what changes.
function render({ el }) {
  el.style.display = "none";
  const help = () => {
    const panel = el.closest(".denoise-panel");
    panel?.querySelectorAll(".widget-slider").forEach(slider =>
      slider.querySelectorAll(".noUi-handle, .ui-slider-handle").forEach(handle => // ipywidgets 8 and 7
        handle.setAttribute("aria-label", slider.querySelector(".widget-label")?.textContent ?? "slider")));
    panel?.querySelectorAll(".widget-html-content").forEach(shown => shown.setAttribute("aria-live", "polite"));
  };
  const timer = setInterval(help, 300); // the sliders may be drawn later than this, and drawn again
  return () => clearInterval(timer);
}
export default { render };
