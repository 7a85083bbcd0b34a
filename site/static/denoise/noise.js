/** count numbers from the normal distribution N(0, 1); the same seed gives the same numbers. */
export function normalNumbers(seed, count) {
  let state = seed;
  function uniform() { // mulberry32, by Tommy Ettinger: enough for a picture, and short
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }
  // Box and Muller: an angle and a length; 1 − u is never 0, so the logarithm is finite
  return Float32Array.from({ length: count }, () => (
    Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
  ));
}

/** clean + σ · n, cut to [0, 1], as du.GaussianNoise(sigma, clip=True) does. */
export function addNoise(clean, sigma, normal) {
  return clean.map((value, i) => Math.min(1, Math.max(0, value + sigma * normal[i])));
}
