/** Datagram with its sender. */
export interface Datagram {
  bytes: Buffer;
  address: string;
  port: number;
}

const BATCH_BYTES = 256 * 1024;
/** Bytes in front of each datagram: its length, the port, the length of the address. */
const HEAD_BYTES = 5;

/**
 * Packs datagrams one behind the other into one piece of memory, which goes from thread to thread without being copied.
 */
export class DatagramPacker {
  private readonly buffer = Buffer.allocUnsafeSlow(BATCH_BYTES);
  private used = 0;
  count = 0;

  /** Adds a datagram; returns false when there is no room left. */
  add(bytes: Buffer, address: string, port: number): boolean {
    const { buffer, used } = this;
    if (used + HEAD_BYTES + address.length + bytes.length > BATCH_BYTES) return false;
    buffer.writeUInt16LE(bytes.length, used);
    buffer.writeUInt16LE(port, used + 2);
    buffer[used + 4] = address.length;
    buffer.write(address, used + HEAD_BYTES, 'latin1');
    bytes.copy(buffer, used + HEAD_BYTES + address.length);
    this.used = used + HEAD_BYTES + address.length + bytes.length;
    this.count++;
    return true;
  }

  /** Returns what was added, to be transferred, and empties the packer. */
  take(): ArrayBuffer {
    const packed = this.buffer.buffer.slice(0, this.used);
    this.used = this.count = 0;
    return packed;
  }
}

/** Reads packed datagrams, in their order. Their bytes are no copies. */
export class PackedDatagrams {
  private at = 0;
  private readonly buffer: Buffer;

  constructor(packed: ArrayBuffer) {
    this.buffer = Buffer.from(packed);
  }

  get bytes(): number {
    return this.buffer.length;
  }

  next(): Datagram | undefined {
    const { buffer, at } = this;
    if (at === buffer.length) return undefined;
    const begin = at + HEAD_BYTES + buffer[at + 4]!;
    const end = begin + buffer.readUInt16LE(at);
    this.at = end;
    return {
      bytes: buffer.subarray(begin, end),
      address: buffer.toString('latin1', at + HEAD_BYTES, begin),
      port: buffer.readUInt16LE(at + 2),
    };
  }
}
