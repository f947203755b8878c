// Does the work that a one-time password costs, while the phone number is being typed.
"use strict";
(() => {
  const form = document.querySelector("form[data-proof]");
  if (!form) return;
  const field = form.elements.namedItem("proof");
  const waiting = form.querySelector("[data-proof-wait]");
  const FRESH_MS = 4 * 60 * 1000; // a challenge holds for five minutes
  let solvedAt = 0;
  let solving = null;
  let given = false;

  async function challenge() {
    const answer = await fetch(form.dataset.proof, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  function worked(task) {
    return new Promise((resolve, reject) => {
      const worker = new Worker(form.dataset.worker);
      worker.onerror = () => { worker.terminate(); reject(new Error("worker")); };
      worker.onmessage = ({ data }) => { worker.terminate(); resolve(data.number); };
      worker.postMessage({ challenge: task.challenge, salt: task.salt, maxNumber: task.maxNumber });
    });
  }

  async function solve() {
    try {
      const task = await challenge();
      const number = await worked(task);
      const { algorithm, challenge: hash, salt, signature } = task;
      field.value = btoa(JSON.stringify({ algorithm, challenge: hash, number, salt, signature }));
    } catch {
      field.value = ""; // the form may be sent without; it is then counted more strictly
    }
    solvedAt = Date.now();
  }

  function solveOnce() {
    solving ??= solve().finally(() => { solving = null; });
    return solving;
  }

  form.addEventListener("submit", (event) => {
    if (given || (solvedAt && Date.now() - solvedAt < FRESH_MS)) return;
    event.preventDefault();
    waiting.hidden = false;
    solveOnce().then(() => {
      waiting.hidden = true;
      given = true;
      form.requestSubmit();
    });
  });
  // Shown again by the back button, the form holds a proof that has served.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) { given = false; solvedAt = 0; field.value = ""; }
    solveOnce();
  });
})();
