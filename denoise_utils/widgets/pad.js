// A black pad to draw on in white: mouse, finger or pen, or the keyboard. `value` holds the drawing as a PNG's data address.
const SIDE = 280, PEN = 26, STEP = 10;

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application"); // so that a screen reader leaves it the arrow keys
  canvas.setAttribute("aria-label",
    "Drawing pad. Arrow keys move the pen, space puts it down or lifts it, Delete clears.");
  canvas.style.cssText = "background:#000; touch-action:none; cursor:crosshair; max-width:100%; border:1px solid #767676";
  const clear = document.createElement("button");
  clear.textContent = "Clear the pad";
  clear.className = "jupyter-button";
  const hint = document.createElement("div");
  hint.textContent = "Keyboard: arrows move, space draws, Delete clears.";
  hint.setAttribute("aria-live", "polite");
  hint.style.cssText = "font-size:12px; max-width:280px";
  const ring = document.createElement("span"); // where the pen is, for the keyboard
  ring.style.cssText = "position:absolute; width:16px; height:16px; margin:-10px; border:2px solid #E69F00; "
    + "border-radius:50%; pointer-events:none; visibility:hidden";
  const frame = document.createElement("div");
  frame.style.cssText = "position:relative; line-height:0";
  frame.append(canvas, ring);
  const box = document.createElement("div");
  box.append(frame, clear, hint);
  el.append(box);

  const context = canvas.getContext("2d");
  let last = null, pen = [SIDE / 2, SIDE / 2], down = false, waiting = false;

  function wipe() {
    context.fillStyle = "#000";
    context.fillRect(0, 0, SIDE, SIDE);
    last = null;
    down = false;
  }
  function send() { // at most once a frame, however fast the mouse moves
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      model.set("value", canvas.toDataURL("image/png"));
      model.save_changes();
    });
  }
  function stroke(to) {
    const from = last ?? to;
    context.strokeStyle = "#fff";
    context.lineWidth = PEN;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(to[0] + 0.01, to[1]); // a dot is a very short line
    context.stroke();
    pen = last = to;
    send();
  }
  function place(event) {
    const edge = canvas.getBoundingClientRect();
    return [(event.clientX - edge.left) * SIDE / edge.width, (event.clientY - edge.top) * SIDE / edge.height];
  }
  function showPen() {
    [ring.style.left, ring.style.top] = pen.map(at => `${100 * at / SIDE}%`);
    ring.style.visibility = "visible";
    const [column, row] = pen.map(Math.round);
    hint.textContent = `pen ${down ? "down" : "up"}, ${column} from the left, ${row} from the top, of ${SIDE}`;
  }
  canvas.addEventListener("blur", () => { ring.style.visibility = "hidden"; });
  canvas.addEventListener("pointerdown", event => {
    canvas.setPointerCapture(event.pointerId);
    last = null;
    stroke(place(event));
  });
  canvas.addEventListener("pointermove", event => { if (event.buttons) stroke(place(event)); });
  canvas.addEventListener("keydown", event => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (move) {
      pen = pen.map((at, axis) => Math.min(SIDE - STEP, Math.max(STEP, at + STEP * move[axis])));
    } else if (event.key === " ") {
      down = !down;
      last = null;
    } else if (event.key === "Delete") {
      clear.click();
    } else {
      return; // Tab and all others keep their meaning
    }
    event.preventDefault();
    event.stopPropagation();
    if (down) stroke(pen);
    showPen();
  });
  clear.addEventListener("click", () => { wipe(); model.set("value", ""); model.save_changes(); });
  model.on("change:value", () => { if (!model.get("value")) wipe(); }); // emptied from Python: a photo takes its place
  wipe();
  if (model.get("value")) { // this view is new, the drawing is not
    const drawing = new Image();
    drawing.onload = () => context.drawImage(drawing, 0, 0);
    drawing.src = model.get("value");
  }
}
export default { render };
