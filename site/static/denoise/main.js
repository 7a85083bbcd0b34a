/** The page: a picture, noise, a denoiser, and what they make of each other. Nothing is sent anywhere. */
import { listDenoisers, loadDenoiser, loadDigits } from "./denoisers.js";
import { addNoise, normalNumbers } from "./noise.js";
import { makePad, toPicture } from "./pad.js";

const SIDE = 28;
const element = (id) => document.getElementById(id);
const root = element("denoise");

const [digits, denoisers] = await Promise.all([loadDigits(), listDenoisers()]);
const timesTaken = Array(10).fill(0); // how often each digit's button was pressed

let clean = digits(3, 0);
let subject = "a test digit, a 3";
let seed = 1;
let normal = normalNumbers(seed, SIDE * SIDE);

function paint(id, picture, text) {
  const context = element(id).getContext("2d");
  const pixels = context.createImageData(SIDE, SIDE);
  picture.forEach((value, i) => pixels.data.set([255 * value, 255 * value, 255 * value, 255], 4 * i));
  context.putImageData(pixels, 0, 0);
  element(id).setAttribute("aria-label", text);
}

function meanSquaredError(picture) {
  return picture.reduce((sum, value, i) => sum + (value - clean[i]) ** 2, 0) / picture.length;
}

function compare(before, after) {
  if (before === 0) return "No noise, so nothing to repair.";
  const times = before / after;
  if (times > 1.05) return `The answer's error is ${times.toFixed(1)} times smaller than the noisy picture's.`;
  if (times > 0.95) return "The answer is about as wrong as the noisy picture.";
  return `The answer is worse than the noisy picture: its error is ${(1 / times).toFixed(1)} times larger.`;
}

async function show(since) {
  const sigma = Number(element("sigma").value);
  const { id, name } = denoisers.find((one) => one.id === root.querySelector("input[name=denoiser]:checked").value);
  const noisy = addNoise(clean, sigma, normal);
  const denoise = await loadDenoiser(id);
  const denoised = await denoise(noisy);
  const seen = denoised.map((value) => Math.min(1, Math.max(0, value))); // what a screen can show is what is judged
  const [before, after] = [meanSquaredError(noisy), meanSquaredError(seen)];
  paint("clean", clean, `Clean: ${subject}, 28 by 28 pixels`);
  paint("noisy", noisy, `Noisy: the same with noise, σ = ${sigma.toFixed(2)}; MSE ${before.toFixed(4)}`);
  paint("denoised", seen, `Denoised by: ${name}; MSE ${after.toFixed(4)}`);
  element("sigma-value").textContent = sigma.toFixed(2);
  element("noisy-mse").textContent = `MSE ${before.toFixed(4)}`;
  element("denoised-mse").textContent = `MSE ${after.toFixed(4)}`;
  element("verdict").textContent = compare(before, after);
  const milliseconds = performance.now() - since;
  element("speed").textContent = `${milliseconds.toFixed(1)} ms from your hand to the picture`;
  const detail = { denoiser: id, sigma, clean, noisy, denoised, milliseconds };
  root.dispatchEvent(new CustomEvent("denoised", { detail, bubbles: true })); // for whoever wants the numbers
}

let waiting = null; // since when a change has not been answered
let busy = false;

/** Answer a change made at this time. Changes that come meanwhile are answered together. */
async function refresh(time) {
  waiting ??= time;
  if (busy) return;
  busy = true;
  while (waiting !== null) {
    const since = waiting;
    waiting = null;
    try {
      await show(since);
    } catch (error) {
      element("verdict").textContent = `Something went wrong (${error.message}). Reload the page to try again.`;
    }
  }
  busy = false;
}

const clearPad = makePad(element("pad"), (strokes, time) => {
  clean = toPicture(strokes);
  subject = "your drawing";
  element("hint").hidden = true;
  refresh(time);
});

function empty() {
  clearPad();
  element("hint").hidden = false;
}

element("clear").addEventListener("click", (event) => {
  empty();
  clean = new Float32Array(SIDE * SIDE);
  subject = "nothing, all black";
  refresh(event.timeStamp);
});

element("other-noise").addEventListener("click", (event) => {
  seed += 1;
  normal = normalNumbers(seed, SIDE * SIDE);
  refresh(event.timeStamp);
});

element("sigma").addEventListener("input", (event) => refresh(event.timeStamp)); // the same noise, only scaled

for (let digit = 0; digit < 10; digit++) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = digit;
  button.addEventListener("click", (event) => {
    empty();
    clean = digits(digit, timesTaken[digit]);
    timesTaken[digit] += 1;
    subject = `a test digit, ${digit === 8 ? "an" : "a"} ${digit}`;
    refresh(event.timeStamp);
  });
  element("digits").append(button);
}

for (const { id, name, parameters, mse } of denoisers) {
  const choice = document.createElement("label");
  const facts = `${parameters.toLocaleString("en")} parameters · MSE ${mse.toFixed(4)}`;
  choice.innerHTML = `<input type="radio" name="denoiser" value="${id}"> <span>${name}<small>${facts}</small></span>`;
  choice.firstChild.checked = id === "tiny";
  choice.firstChild.addEventListener("change", (event) => refresh(event.timeStamp));
  element("denoisers").append(choice);
}

await refresh(performance.now());
element("speed").textContent = ""; // the first time includes the loading
