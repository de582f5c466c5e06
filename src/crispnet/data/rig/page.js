"use strict";
// Shows the frames that the rig asks for, one pixel of theirs on one of the screen's, and says when each is painted.

const frame = document.getElementById("frame");
const words = document.getElementById("words");
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const painted = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));

function size() {
  const ratio = window.devicePixelRatio;
  return { columns: Math.floor(window.innerWidth * ratio), rows: Math.floor(window.innerHeight * ratio) };
}

async function tell(what) {
  await fetch("painted", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(what) });
}

async function show(turn) {
  frame.src = `frame/${turn}.png`;
  await frame.decode();
  frame.style.width = `${frame.naturalWidth / window.devicePixelRatio}px`;
  document.body.className = "shown";
  await painted();
}

async function follow() {
  let turn = 0;
  await tell({ turn, ...size() });
  for (;;) {
    try {
      const answer = await (await fetch(`next?after=${turn}`)).json();
      if (answer.done) break;
      if (answer.turn > turn) {
        await show(answer.turn);
        turn = answer.turn;
      }
      await tell({ turn, ...size() });
    } catch {
      await pause(500); // the rig was interrupted, and may go on
    }
  }
  document.body.className = "";
  document.getElementById("start").remove();
  words.textContent = "The session is over. This page can be closed.";
}

async function begin() {
  try {
    await document.documentElement.requestFullscreen();
    await pause(1000); // for the browser's own message to go
  } catch {
    // a browser without a screen, or one that is full already
  }
  try {
    await navigator.wakeLock.request("screen");
  } catch {
    // not every browser can
  }
  await follow();
}

if (new URLSearchParams(location.search).has("begin")) begin();
else document.getElementById("start").addEventListener("click", begin, { once: true });
