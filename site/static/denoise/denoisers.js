/** The denoisers: noisy → denoised, both Float32Array of 28×28 pixels. A network is fetched when first chosen. */
import * as ort from "./ort.wasm.bundle.min.mjs";

const SIDE = 28;
const here = (name) => new URL(name, import.meta.url);

async function fetchFile(name) {
  const response = await fetch(here(name));
  if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`);
  return response;
}

async function startRuntime() {
  const zipped = (await fetchFile("ort-wasm-simd-threaded.wasm.gzip")).body; // 4 MB instead of 14
  ort.env.wasm.wasmBinary = await new Response(zipped.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  ort.env.wasm.numThreads = 1; // more would need special headers from the server
}

/** The rows of networks.json: id, name, parameters, mse on the test digits at σ = 0.5. */
export async function listDenoisers() {
  return (await (await fetchFile("networks.json")).json()).networks;
}

/** Ten test digits of each class, class after class: picture(digit, number) → pixels from 0 to 1. */
export async function loadDigits() {
  const bytes = new Uint8Array(await (await fetchFile("digits.bin")).arrayBuffer());
  const size = SIDE * SIDE;
  const count = bytes.length / size / 10;
  return (digit, number) => {
    const start = (digit * count + (number % count)) * size;
    return Float32Array.from(bytes.subarray(start, start + size), (value) => value / 255);
  };
}

let runtime = null;
const loaded = { median: Promise.resolve(medianFilter) };

/** id → a promise of the denoiser, an async function. */
export function loadDenoiser(id) {
  loaded[id] ??= loadNetwork(id).catch((error) => {
    delete loaded[id]; // choosing it again tries again
    throw error;
  });
  return loaded[id];
}

async function loadNetwork(id) {
  const [file] = await Promise.all([fetchFile(`${id}.onnx`), (runtime ??= startRuntime())]);
  const session = await ort.InferenceSession.create(new Uint8Array(await file.arrayBuffer()));
  return async (noisy) => {
    const input = new ort.Tensor("float32", noisy, [1, 1, SIDE, SIDE]);
    return (await session.run({ noisy: input })).denoised.data;
  };
}

/** Each pixel becomes the median of the 3×3 around it; the edge mirrors the picture, as in du.median_filter. */
function medianFilter(noisy) {
  const inside = (i) => (i < 0 ? -i : i >= SIDE ? 2 * SIDE - 2 - i : i);
  return noisy.map((_, i) => {
    const [row, column] = [Math.floor(i / SIDE), i % SIDE];
    const around = [];
    for (let y = row - 1; y <= row + 1; y++) {
      for (let x = column - 1; x <= column + 1; x++) around.push(noisy[inside(y) * SIDE + inside(x)]);
    }
    return around.sort((a, b) => a - b)[4];
  });
}
