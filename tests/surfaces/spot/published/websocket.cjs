// A WebSocket over Node's own sockets, for versions without one; ends the program after a signal.
const crypto = require('node:crypto');
const http = require('node:http');

class SocketStandIn {
  constructor(url) {
    const key = crypto.randomBytes(16).toString('base64');
    const request = http.get(url.replace(/^ws/, 'http'), {
      headers: {
        Connection: 'Upgrade', Upgrade: 'websocket',
        'Sec-WebSocket-Key': key, 'Sec-WebSocket-Version': '13',
      },
    });
    request.on('error', (error) => { throw error; });
    request.on('upgrade', (response, socket, head) => {
      this.socket = socket;
      this.buffer = head;
      socket.on('data', (data) => { this.buffer = Buffer.concat([this.buffer, data]); this.read(); });
      this.onopen();
      this.read();
    });
  }

  send(text) {
    const body = Buffer.from(text);
    this.socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | body.length, 0, 0, 0, 0]), body]));
  }

  read() {
    while (this.buffer.length >= 2) {
      let length = this.buffer[1] & 0x7f;
      let start = 2;
      if (length === 126) {
        if (this.buffer.length < 4) return;
        length = this.buffer.readUInt16BE(2);
        start = 4;
      }
      if (this.buffer.length < start + length) return;
      const opcode = this.buffer[0] & 0x0f;
      const data = this.buffer.subarray(start, start + length).toString();
      this.buffer = this.buffer.subarray(start + length);
      if (opcode === 1) {
        this.onmessage({ data });
        if (JSON.parse(data).type === 'signal') this.socket.destroy();
      }
    }
  }
}

globalThis.WebSocket = SocketStandIn;
