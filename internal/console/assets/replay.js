// Plays a session or an exchange: what has a time appears when its time comes.
// Without scripts all of it is shown at once.
"use strict";

const stage = document.querySelector("[data-replay]");
if (stage) {
  const length = Number(stage.dataset.replay);
  const parts = [...stage.querySelectorAll("[data-at]")].map((e) => ({ e, at: Number(e.dataset.at) }));
  const [button, speed, seek, clock] = ["play", "speed", "seek", "clock"].map((name) => stage.querySelector(`[data-${name}]`));
  let at = length, before = 0, playing = 0;

  // show shows the stage as it was at a time, in milliseconds since its beginning.
  function show(to) {
    at = Math.min(Math.max(to, 0), length);
    let latest = null;
    for (const p of parts) {
      p.e.classList.toggle("later", p.at > at);
      if (p.at <= at && p.at > before) latest = p.e;
    }
    before = at;
    if (playing && latest) latest.scrollIntoView({ block: "nearest" });
    stage.style.setProperty("--at", length > 0 ? at / length : 1);
    stage.classList.toggle("partly", at < length);
    seek.value = length > 0 ? Math.round(1000 * at / length) : 1000;
    const digits = length < 10000 ? 2 : 1;
    clock.textContent = `${(at / 1000).toFixed(digits)} s of ${(length / 1000).toFixed(digits)} s`;
  }

  function stop() {
    cancelAnimationFrame(playing);
    playing = 0;
    button.textContent = "Play";
  }

  function play() {
    let last = performance.now();
    const step = (now) => {
      const to = at + (now - last) * Number(speed.value);
      last = now;
      playing = requestAnimationFrame(step);
      show(to);
      if (at >= length) stop();
    };
    button.textContent = "Pause";
    playing = requestAnimationFrame(step);
  }

  button.addEventListener("click", () => {
    if (playing) { stop(); return; }
    if (at >= length) { before = 0; show(0); }
    play();
  });
  seek.addEventListener("input", () => { stop(); show(length * Number(seek.value) / 1000); });
  stage.querySelector(".player").hidden = false;
  show(length);
}
