// Finds the number that, after the salt, hashes to the challenge (SHA-256).
// Plain arithmetic, because the browser's own hash function is not there without TLS.
"use strict";

const ROUND = new Uint32Array(64);
const START = new Uint32Array(8);
for (let prime = 2, found = 0; found < 64; prime++) {
  let divisor = 2;
  while (divisor * divisor <= prime && prime % divisor !== 0) divisor++;
  if (divisor * divisor <= prime) continue;
  const part = (root) => (root - Math.floor(root)) * 2 ** 32;
  if (found < 8) START[found] = part(Math.sqrt(prime));
  ROUND[found++] = part(Math.cbrt(prime));
}
const words = new Uint32Array(64);

function turned(word, bits) {
  return (word >>> bits) | (word << (32 - bits));
}

// One block of 64 bytes into the state.
function mix(state, bytes, offset) {
  for (let i = 0; i < 16; i++) {
    const at = offset + 4 * i;
    words[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  }
  for (let i = 16; i < 64; i++) {
    const x = words[i - 15];
    const y = words[i - 2];
    const s0 = turned(x, 7) ^ turned(x, 18) ^ (x >>> 3);
    const s1 = turned(y, 17) ^ turned(y, 19) ^ (y >>> 10);
    words[i] = words[i - 16] + s0 + words[i - 7] + s1;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const s1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUND[i] + words[i]) | 0;
    const s0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
  }
  state[0] += a; state[1] += b; state[2] += c; state[3] += d;
  state[4] += e; state[5] += f; state[6] += g; state[7] += h;
}

function sha256(text) {
  const bytes = new TextEncoder().encode(text);
  const padded = new Uint8Array((((bytes.length + 8) >> 6) + 1) << 6);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  new DataView(padded.buffer).setUint32(padded.length - 4, bytes.length * 8);
  const state = Uint32Array.from(START);
  for (let offset = 0; offset < padded.length; offset += 64) mix(state, padded, offset);
  return state;
}

function stateOf(hex) {
  return Uint32Array.from({ length: 8 }, (_, i) => parseInt(hex.slice(8 * i, 8 * i + 8), 16));
}

onmessage = ({ data }) => {
  const wanted = stateOf(data.challenge);
  for (let number = 0; number <= data.maxNumber; number++) {
    if (sha256(data.salt + number).every((word, i) => word === wanted[i])) {
      postMessage({ number });
      return;
    }
  }
  postMessage({ number: null });
};
