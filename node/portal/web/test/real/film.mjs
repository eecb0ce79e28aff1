// A film of a QR code for Chromium's camera that is none: YUV4MPEG2, black on white, a few frames that are shown again and again.
import { encode } from 'uqr';

const [width, height, module] = [640, 480, 12];

export function film(text, frames = 3) {
  const { data, size } = encode(text, { border: 4 });
  const luma = Buffer.alloc(width * height, 0xeb);
  const [left, top] = [Math.floor((width - size * module) / 2), Math.floor((height - size * module) / 2)];
  if (top < 0) throw new Error('the code is larger than the picture');
  data.forEach((row, y) => row.forEach((on, x) => on && paint(luma, left + x * module, top + y * module)));
  const frame = Buffer.concat([Buffer.from('FRAME\n'), luma, Buffer.alloc((width * height) / 2, 0x80)]);
  return Buffer.concat([Buffer.from(`YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420jpeg\n`), ...Array.from({ length: frames }, () => frame)]);
}

function paint(luma, x, y) {
  for (let i = 0; i < module; i++) luma.fill(0x10, (y + i) * width + x, (y + i) * width + x + module);
}
