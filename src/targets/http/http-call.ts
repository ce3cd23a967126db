/** Request to a target over HTTP, its answer, and the two errors for none. */

export interface HttpRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: Buffer;
  tls?: HttpTls;
  /**
   * Whether a kept connection may be used. It may be closed under us just then: no use for what can't be asked twice.
   */
  keepAlive: boolean;
}

/** PEM texts, as `tls.connect` takes them. */
export interface HttpTls {
  ca?: string;
  cert?: string;
  key?: string;
  rejectUnauthorized?: boolean;
}

export interface HttpAnswer {
  status: number;
  /** Headers; names in lower case. */
  headers: Record<string, string>;
  /** Body; of `sendOnce` at most 64 KiB: what is longer, or does not come, is cut. */
  body: Buffer;
}

/** Error of a request that never reached the target: nothing was done. */
export class NotSent extends Error {
  /** @param canHelp whether trying again can help; it can't against a certificate that is wrong */
  constructor(
    message: string,
    readonly canHelp: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Error of a request that was on its way, and no answer came: it may have been done. */
export class NoAnswer extends Error {
  /** @param isUnreadable whether an answer came that is no HTTP: asked again, it would be the same */
  constructor(
    message: string,
    readonly isUnreadable = false,
  ) {
    super(message);
  }
}
