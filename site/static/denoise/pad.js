/** The drawing pad, and how a drawing becomes a picture like MNIST's. */

const SIDE = 28;
const BOX = 20; // MNIST fits a digit into 20×20 pixels ...
const CENTRE = 14.5; // ... and moves its centre of mass to the middle of pixel 14,
const ROOM = (SIDE - BOX) / 2 - 1; // as far as the box has room in the picture, less an edge of one pixel
const PEN = 2.6; // pixels: MNIST's strokes are about as wide
const SMALLEST = 0.1; // of the pad's side: a dot stays a dot

/**
 * Let mouse, pen and finger draw on a square canvas.
 * onStroke(strokes, time): after each movement; strokes are lists of points [x, y], from 0 to 1.
 * Returns a function that clears the pad.
 */
export function makePad(canvas, onStroke) {
  const context = canvas.getContext("2d");
  let strokes = [];
  let drawing = false;

  function paint() {
    context.fillStyle = "black";
    context.fillRect(0, 0, canvas.width, canvas.height);
    drawLines(context, strokes, canvas.width, 0, 0, 0.07 * canvas.width);
  }

  function addPoint(event) {
    const box = canvas.getBoundingClientRect();
    strokes.at(-1).push([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]);
    paint();
    onStroke(strokes, event.timeStamp);
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId); // a stroke may leave the pad and come back
    drawing = true;
    strokes.push([]);
    addPoint(event);
  });
  canvas.addEventListener("pointermove", (event) => drawing && addPoint(event));
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { drawing = false; });

  function clear() {
    strokes = [];
    paint();
  }
  clear();
  return clear;
}

function drawLines(context, strokes, scale, dx, dy, width) {
  context.strokeStyle = "white";
  context.lineWidth = width;
  context.lineCap = context.lineJoin = "round";
  for (const points of strokes) {
    context.beginPath();
    const [x0, y0] = points[0];
    context.moveTo(scale * x0 + dx - 0.01, scale * y0 + dy); // a line of no length would not be drawn: a dot has some
    for (const [x, y] of points) context.lineTo(scale * x + dx, scale * y + dy);
    context.stroke();
  }
}

const small = document.createElement("canvas");
small.width = small.height = SIDE;
const smallContext = small.getContext("2d", { willReadFrequently: true });

function drawSmall(strokes, scale, dx, dy) {
  smallContext.fillStyle = "black";
  smallContext.fillRect(0, 0, SIDE, SIDE);
  drawLines(smallContext, strokes, scale, dx, dy, PEN);
  const bytes = smallContext.getImageData(0, 0, SIDE, SIDE).data; // red, green, blue, opacity of each pixel
  return Float32Array.from({ length: SIDE * SIDE }, (_, i) => bytes[4 * i] / 255);
}

/** Strokes → 28×28 pixels, 0 (black) to 1 (white): fitted into the box, then the centre of mass to the centre. */
export function toPicture(strokes) {
  const points = strokes.flat();
  if (!points.length) return new Float32Array(SIDE * SIDE);
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const scale = (BOX - PEN) / Math.max(right - left, bottom - top, SMALLEST);
  const dx = SIDE / 2 - (scale * (left + right)) / 2; // the box in the middle, to begin with
  const dy = SIDE / 2 - (scale * (top + bottom)) / 2;
  const [x, y] = centreOfMass(drawSmall(strokes, scale, dx, dy));
  const shift = (place) => Math.min(ROOM, Math.max(-ROOM, CENTRE - place));
  return drawSmall(strokes, scale, dx + shift(x), dy + shift(y));
}

function centreOfMass(picture) {
  let [mass, x, y] = [0, 0, 0];
  picture.forEach((value, i) => {
    mass += value;
    x += value * ((i % SIDE) + 0.5);
    y += value * (Math.floor(i / SIDE) + 0.5);
  });
  return [x / mass, y / mass];
}
