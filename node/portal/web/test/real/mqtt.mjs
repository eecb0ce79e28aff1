// As much of MQTT 3.1.1 as a thermometer needs: connect, publish at QoS 1, wait for each acknowledgement.
import { connect } from 'node:net';

const text = (s) => {
  const b = Buffer.from(s);
  return Buffer.concat([Buffer.from([b.length >> 8, b.length & 255]), b]);
};

const packet = (type, body) => {
  const length = [];
  for (let n = body.length; ; ) {
    const digit = n & 127;
    n >>= 7;
    length.push(n ? digit | 128 : digit);
    if (!n) break;
  }
  return Buffer.concat([Buffer.from([type, ...length]), body]);
};

/** Publishes messages in order and answers when the broker has acknowledged them all. */
export function publish(port, device, token, messages) {
  return new Promise((done, fail) => {
    const socket = connect(port, '127.0.0.1');
    let acked = 0;
    socket.setTimeout(20_000, () => socket.destroy(new Error('the broker did not acknowledge in time')));
    socket.on('error', fail);
    socket.on('connect', () => socket.write(packet(0x10, Buffer.concat([text('MQTT'), Buffer.from([4, 0xc2, 0, 60]), text(device), text(device), text(token)]))));
    let rest = Buffer.alloc(0);
    socket.on('data', (data) => {
      rest = Buffer.concat([rest, data]);
      for (; rest.length >= 4; rest = rest.subarray(4)) {
        if (rest[0] >> 4 === 2 && rest[3] !== 0) return socket.destroy(new Error(`the broker refused: ${rest[3]}`));
        if (rest[0] >> 4 === 2) messages.forEach(({ topic, value, raw }, i) => socket.write(packet(0x32, Buffer.concat([text(topic), Buffer.from([0, i + 1]), Buffer.from(raw ?? JSON.stringify(value))]))));
        if (rest[0] >> 4 === 4 && ++acked === messages.length) return socket.end(packet(0xe0, Buffer.alloc(0)), done);
      }
    });
  });
}
