/** Words for errors of TLS: Node passes on OpenSSL's error queue, an address in memory, a source file, a newline. */

interface TlsError {
  message?: unknown;
  /** OpenSSL's reason, or why a certificate has the wrong name. */
  reason?: unknown;
  host?: unknown;
}

const OUR_CERTIFICATE = 'our client certificate (tls.cert)';
const VERSIONS = 'it speaks no TLS version that is allowed here (1.2 and 1.3)';
const NO_TLS = 'it does not speak TLS on this port; is it plain, without TLS?';
const NO_COMMON_WAY =
  'it agreed to no cipher of TLS that is allowed here, or wants a client certificate (tls.cert and tls.key)';
const WEAK =
  'its certificate or key is too weak to be trusted; it needs a new one (RSA of 2048 bits, SHA-256)';
const OUR_PEM = 'tls.ca, tls.cert or tls.key is damaged: it is no whole PEM text';
const UNTRUSTED = 'its certificate is signed by nobody who is trusted here; give its CA as tls.ca';

const FAILED = 'TLS with it failed: it does not keep to TLS, or what is sent is changed on its way';

/** OpenSSL's reason for an alert it has no words for: 1000 plus its number. */
const ALERT_WITHOUT_NAME = /^reason\(1(\d{3})\)$/;

const NAMES_CHARACTERS = 200;

/** Words for alerts that the other side sends, by number (RFC 8446, 6.2; RFC 5246, 7.2). */
const ALERTS: Record<string, string> = {
  10: 'it did not understand our part of the TLS handshake',
  20: 'it could not check what we sent over TLS',
  40: NO_COMMON_WAY,
  42: `it refused ${OUR_CERTIFICATE}: it can not be read`,
  43: `it refused ${OUR_CERTIFICATE}: it takes none of that kind`,
  44: `it refused ${OUR_CERTIFICATE}: it is revoked`,
  45: `it refused ${OUR_CERTIFICATE}: it has expired`,
  46: `it refused ${OUR_CERTIFICATE}`,
  47: 'it did not understand our part of the TLS handshake',
  48: `it refused ${OUR_CERTIFICATE}: it does not trust the CA that signed it`,
  49: `it refused ${OUR_CERTIFICATE}: it lets nobody in with it`,
  50: 'it did not understand our part of the TLS handshake',
  51: 'it could not check what we sent over TLS; is tls.key the key of tls.cert?',
  70: VERSIONS,
  71: 'it wants stronger ciphers of TLS than there are here',
  80: 'TLS failed at its end: it reports an internal error',
  86: VERSIONS,
  109: 'it did not understand our part of the TLS handshake',
  110: 'it did not understand our part of the TLS handshake',
  112: 'it has no certificate for the name that it is asked by',
  116: 'it wants a client certificate (tls.cert and tls.key)',
  120: 'it speaks no HTTP/1.1 over TLS',
};

/** Words for OpenSSL's reasons, also for those of alerts without a number. */
const REASONS: [RegExp, string][] = [
  [/alert protocol version|unsupported protocol|version too low|no protocols available|wrong ssl version|inappropriate fallback/, VERSIONS],
  [/wrong version number|http request|https proxy request|packet length too long|unknown protocol/, NO_TLS],
  [/certificate required|peer did not return a certificate/, ALERTS[116]!],
  [/alert handshake failure|no shared cipher|no ciphers available|no cipher match|no suitable key share|no suitable signature/, NO_COMMON_WAY],
  [/alert insufficient security/, ALERTS[71]!],
  [/alert unknown ca/, ALERTS[48]!],
  [/alert (bad|unsupported|unknown)? ?certificate|alert certificate (unknown|revoked|expired)|alert access denied/, ALERTS[46]!],
  [/alert unrecognized name/, ALERTS[112]!],
  [/alert internal error/, ALERTS[80]!],
  [/alert no application protocol/, ALERTS[120]!],
  [/key too small|md too weak|too weak/, WEAK],
  [/unsafe legacy renegotiation/, 'its TLS is too old to be safe: it lacks secure renegotiation (RFC 5746)'],
  [/legacy sigalg|wrong signature type/, 'it signs in a way that is no more allowed (SHA-1 or MD5)'],
  [/unexpected eof/, 'it closed the connection in the middle of TLS'],
  [/key values mismatch/, 'tls.key is not the key of tls.cert'],
  [/bad decrypt|bad password|interrupted or cancelled|processing error/, 'tls.key is encrypted; it is taken without a passphrase alone'],
  [/no start line|bad base64|bad end line|not enough data|wrong tag|header too long|asn1|unsupported/, OUR_PEM],
]; // prettier-ignore

/** Words for why a certificate is not trusted, by the names that Node gives X509_V_ERR_… codes. */
const CERTIFICATES: Record<string, string> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; to trust it, give it as tls.ca',
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: `${UNTRUSTED}, or have it send the certificates between`,
  CERT_UNTRUSTED: UNTRUSTED,
  CERT_REJECTED: UNTRUSTED,
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; are the clocks right?',
  CERT_REVOKED: 'its certificate is revoked',
  CERT_SIGNATURE_FAILURE: 'the signature of its certificate is wrong; is tls.ca of the same CA?',
  CERT_CHAIN_TOO_LONG: 'the chain of its certificates is too long',
  PATH_LENGTH_EXCEEDED: 'the chain of its certificates is longer than its CA allows',
  INVALID_CA: 'its certificate is signed by one that is no CA',
  INVALID_PURPOSE: 'its certificate is not made for servers',
  HOSTNAME_MISMATCH: 'its certificate is of another name than it is asked by',
};

/**
 * Returns the words for a TLS error, as the end of a sentence whose subject is the target; undefined for other errors.
 */
export function tlsWords({ message, reason, host }: TlsError, code: unknown): string | undefined {
  const text = typeof message === 'string' ? message : '';
  const name = typeof code === 'string' ? code : '';
  if (name === 'ERR_TLS_CERT_ALTNAME_INVALID') return misnamed(text, host);
  if (name === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'it did not end the TLS handshake in time';
  if (name === 'ERR_TLS_CERT_SIGNATURE_ALGORITHM_UNSUPPORTED') return WEAK;
  if (Object.hasOwn(CERTIFICATES, name)) return CERTIFICATES[name];
  const queued = /\berror:[0-9A-F]{8}:[^:]*:[^:]*:([^:]*)/i.exec(text)?.[1];
  const why = queued ?? (/^ERR_(SSL|OSSL)_/.test(name) && typeof reason === 'string' ? reason : undefined);
  if (why === undefined) return /^(CERT|UNABLE_TO)_/.test(name) ? 'its certificate is not valid' : undefined;
  const [, alert = ''] = /SSL alert number (\d+)/.exec(text) ?? [];
  if (Object.hasOwn(ALERTS, alert)) return ALERTS[alert];
  const words = REASONS.find(([known]) => known.test(why.toLowerCase()))?.[1];
  if (words !== undefined) return words;
  const [, unknown] = ALERT_WITHOUT_NAME.exec(why) ?? [];
  return unknown === undefined
    ? FAILED
    : (ALERTS[Number(unknown)] ?? `it broke TLS off (alert ${Number(unknown)})`);
}

/**
 * Returns the words for a certificate with the wrong name.
 *
 * @param message Node's: `… Host: a.example. is not in the cert's altnames: DNS:b.example`
 */
function misnamed(message: string, host: unknown): string {
  const asked = typeof host === 'string' && host !== '' ? host : 'the name that it is asked by';
  const [, names = ''] = /cert's (?:altnames|list|CN): (.+)$/.exec(message) ?? [];
  const listed = names.replace(/\b(?:DNS|IP Address):/g, '').slice(0, NAMES_CHARACTERS);
  return `its certificate is not for ${asked}${listed && `, but for ${listed}`}`;
}
