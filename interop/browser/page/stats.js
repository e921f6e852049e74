'use strict';
// What flows while it is counted: for the page, beside the other files here.
(() => {

/** Sends a tone and pictures, and makes a channel. */
async function sendAll() {
  const { side } = window;
  side.data = side.pc.createDataChannel('data');
  side.pc.addTrack(await tone());
  side.pc.addTrack(pictures());
}

/** Sends messages of many lengths, and waits until they are back; none is empty, which Firefox counts as a byte. */
async function exchange() {
  const { side } = window;
  await echoes(await whenOpen(side.data, side.pc), ['text', 'Grüße, 世界', pattern(1), pattern(1_200), pattern(70_000)]);
}

Object.assign(window, { exchange, sendAll });
})();
