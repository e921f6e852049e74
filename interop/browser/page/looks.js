'use strict';
// Whether pictures look as a transform of the server makes them: for the page, beside picture.js.
(() => {

// Brightness as video has it: 16 is black, 235 is white.
const lumaOf = (pixels) => Uint8Array.from({ length: WIDTH * HEIGHT }, (_, at) => {
  const [red, green, blue] = [pixels[4 * at], pixels[4 * at + 1], pixels[4 * at + 2]];
  return 16 + (0.299 * red + 0.587 * green + 0.114 * blue) * 219 / 255;
});

/** How alike two pictures are over all colours, in dB. */
const psnr = (one, other) => {
  let squares = 0;
  for (let at = 0; at < one.length; at++) squares += at % 4 === 3 ? 0 : (one[at] - other[at]) ** 2;
  return 10 * Math.log10(255 ** 2 * WIDTH * HEIGHT * 3 / Math.max(1, squares));
};

/** Where the picture has outlines, and where it has none nearby: lists of pixels. The frame of the picture is left out. */
function outlinesOf(luma) {
  const strength = (at) => {
    const [above, below] = [at - WIDTH, at + WIDTH];
    const column = (x) => luma[above + x] + 2 * luma[at + x] + luma[below + x];
    const row = (y) => luma[y - 1] + 2 * luma[y] + luma[y + 1];
    return Math.abs(column(1) - column(-1)) + Math.abs(row(below) - row(above));
  };
  const inner = (margin) => {
    const all = [];
    for (let y = margin; y < HEIGHT - margin; y++) for (let x = margin; x < WIDTH - margin; x++) all.push(y * WIDTH + x);
    return all;
  };
  const strong = new Uint8Array(WIDTH * HEIGHT);
  for (const at of inner(1)) strong[at] = strength(at) > 40 ? 1 : 0;
  const isFar = (at) => {
    for (let y = -4; y <= 4; y++) for (let x = -4; x <= 4; x++) if (strong[at + y * WIDTH + x]) return false;
    return true;
  };
  return { on: inner(1).filter((at) => strength(at) > 300), far: inner(5).filter(isFar) };
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const share = (values, holds) => values.filter(holds).length / values.length;
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const round = (value) => Math.round(value * 10) / 10;

const demand = (holds, what) => { if (!holds) throw new Error(what); };

// In dB. Chromium 156 captures a canvas at full range by BT.709 and says so beside the pictures; who does not listen to that gets below 30.
const LEAST_LIKENESS = 30;

/** Each as it was sent, whatever its number. */
function none(came) {
  const likeness = came.map(({ pixels }, at) => {
    const number = numberOf(pixels);
    demand(number !== undefined, `no number can be read from picture ${at}`);
    return psnr(pixels, picture(number));
  });
  const [worst, average] = [Math.min(...likeness), mean(likeness)];
  demand(worst >= LEAST_LIKENESS, `PSNR ${worst.toFixed(1)} dB at worst, ${average.toFixed(1)} on average`);
  return { psnr_worst: round(worst), psnr_mean: round(average) };
}

/** Bright where the picture sent has outlines, dark elsewhere, without colour. */
function edges(came) {
  const { on, far } = outlinesOf(lumaOf(picture(STILL)));
  const figures = came.map(({ pixels }, at) => {
    const luma = lumaOf(pixels);
    const [bright, dark] = [median(on.map((at) => luma[at])), mean(far.map((at) => luma[at]))];
    demand(bright > 150, `picture ${at}: outlines of ${bright}`);
    demand(dark < 40, `picture ${at}: ${dark.toFixed(0)} where the picture sent has no outlines`);
    const black = share(luma, (light) => light < 64);
    demand(black > 0.5, `picture ${at}: ${(100 * black).toFixed(0)} % are dark`);
    const colour = colourOf(pixels);
    demand(colour < 1, `picture ${at}: not grey, by ${colour.toFixed(1)}`);
    return { bright, dark };
  });
  return {
    outlines: Math.min(...figures.map(({ bright }) => bright)),
    elsewhere: round(Math.max(...figures.map(({ dark }) => dark))),
  };
}

/** How far red, green and blue are apart, on average. */
const colourOf = (pixels) => {
  let apart = 0;
  for (let at = 0; at < pixels.length; at += 4) {
    apart += Math.max(pixels[at], pixels[at + 1], pixels[at + 2]) - Math.min(pixels[at], pixels[at + 1], pixels[at + 2]);
  }
  return apart / (WIDTH * HEIGHT);
};

/** Of eight shades and with dark outlines, but otherwise like the picture sent. */
function cartoon(came) {
  const sent = picture(STILL);
  const before = lumaOf(sent);
  const { on, far } = outlinesOf(before);
  const fits = (light) => Math.abs((light % 32) - 16) <= 5;
  const figures = came.map(({ pixels }, at) => {
    const luma = lumaOf(pixels);
    const flat = share(far, (at) => fits(luma[at]));
    demand(flat > 0.8, `picture ${at}: ${(100 * flat).toFixed(0)} % are in one of eight shades`);
    const ink = median(on.map((at) => luma[at]));
    demand(ink < 50, `picture ${at}: outlines of ${ink}`);
    const away = mean(far.map((at) => Math.abs(luma[at] - before[at])));
    demand(away < 14, `picture ${at}: ${away.toFixed(1)} away from the picture sent`);
    const colour = colourOf(pixels) / colourOf(sent);
    demand(colour > 0.7, `picture ${at}: colours at ${(100 * colour).toFixed(0)} %`);
    return { flat, ink, away };
  });
  return {
    in_shade: Math.min(...figures.map(({ flat }) => round(100 * flat))),
    outlines: Math.max(...figures.map(({ ink }) => ink)),
    away: round(Math.max(...figures.map(({ away }) => away))),
  };
}

/** Turned by 45 degrees in each second of the pictures' time. */
function rotate(came) {
  const angles = came.map(({ pixels }, at) => {
    const found = markIn(pixels);
    const size = found.count / (Math.PI * MARK.radius ** 2);
    demand(size > 0.7 && size < 1.3, `picture ${at}: the mark is ${size.toFixed(2)} times its size`);
    const away = Math.hypot(found.x, found.y) / MARK.away;
    demand(Math.abs(away - 1) < 0.05, `picture ${at}: the mark is ${away.toFixed(2)} times as far from the middle`);
    return Math.atan2(found.y, found.x) * 180 / Math.PI;
  });
  let turned = 0;
  let worst = 0;
  for (let at = 1; at < came.length; at++) {
    const step = (angles[at] - angles[at - 1] + 540) % 360 - 180;
    const wanted = 45 * (came[at].seconds - came[at - 1].seconds);
    worst = Math.max(worst, Math.abs(step - wanted));
    demand(Math.abs(step - wanted) < 2.5, `picture ${at}: turned by ${step.toFixed(1)} degrees, not ${wanted.toFixed(1)}`);
    turned += step;
  }
  const seconds = came.at(-1).seconds - came[0].seconds;
  const rate = turned / seconds;
  demand(seconds > 0.5, `${seconds.toFixed(2)} s are too few`);
  demand(Math.abs(rate - 45) < 1.5, `${rate.toFixed(1)} degrees in a second`);
  return { degrees_per_second: round(rate), worst_step: round(worst) };
}

/** Where the red mark is, from the middle of the picture, and of how many pixels. */
function markIn(pixels) {
  const found = { x: 0, y: 0, count: 0 };
  for (let at = 0; at < WIDTH * HEIGHT; at++) {
    if (pixels[4 * at] < pixels[4 * at + 1] + 80) continue;
    found.x += at % WIDTH - (WIDTH - 1) / 2;
    found.y += Math.floor(at / WIDTH) - (HEIGHT - 1) / 2;
    found.count++;
  }
  return { x: found.x / found.count, y: found.y / found.count, count: found.count };
}

/** Each takes pictures as `look` gives them, throws if they are not what its name says, and returns what it measured. */
Object.assign(window, { looksLike: { none, edges, cartoon, rotate } });
})();
