// Loaded into a process that reads, before everything else: a library that an answer can break, as another one will.
const { Buffer } = require('node:buffer');
const Parser = require('redis-parser');

const spoils = {
  'spoil:loop': () => {
    for (;;);
  },
  'spoil:memory': () => {
    for (const held = []; ;) held.push(Buffer.alloc(10_000_000, 1));
  },
  'spoil:later': () => {
    setTimeout(() => {
      throw new Error('nobody catches this');
    }, 1);
  },
  'spoil:abort': () => process.abort(),
};

const execute = Parser.prototype.execute;
Parser.prototype.execute = function (buffer) {
  for (const [word, spoil] of Object.entries(spoils)) if (buffer.includes(word)) spoil();
  return execute.call(this, buffer);
};
