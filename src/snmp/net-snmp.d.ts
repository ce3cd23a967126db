import type { RemoteInfo } from 'node:dgram';

/** Declarations that @types/net-snmp 3.23 lacks for net-snmp 3.29. */
declare module 'net-snmp' {
  const RequestTimedOutError: { new (message: string): RequestTimedOutError };

  enum ResponseInvalidCode {
    ENotInTimeWindow = 14,
    EBadVarbindList = 15,
  }

  interface Session {
    /** Milliseconds that the first try waits. A request copies `timeout` and `retries` when it is made. */
    timeout: number;
    retries: number;
    /** Factor by which the timeout grows with each further try. */
    backoff: number;
    version: number;
  }

  interface Engine {
    engineID: Buffer;
    engineBoots: number;
    engineTime: number;
  }

  namespace Encryption {
    function encryptPdu(
      privProtocol: PrivProtocols,
      scopedPdu: Buffer,
      privPassword: string,
      authProtocol: AuthProtocols,
      engine: Engine,
    ): { encryptedPdu: Buffer; msgPrivacyParameters: Buffer };

    function decryptPdu(
      privProtocol: PrivProtocols,
      encryptedPdu: Buffer,
      privParameters: Buffer,
      privPassword: string,
      authProtocol: AuthProtocols,
      engine: Engine,
    ): Buffer;
  }

  interface ReceiverOptions {
    port?: number;
    address?: string;
    transport?: 'udp4' | 'udp6';
    disableAuthorization?: boolean;
    includeAuthentication?: boolean;
    engineID?: string;
    dgramModule?: { createSocket(type: 'udp4' | 'udp6'): object };
  }

  interface Receiver {
    /** Our side as an engine, RFC 3411. */
    engine: { engineID: Buffer; engineBoots: number; engineTime: number };
    getAuthorizer(): Authorizer;
    /** Closes all sockets, and calls back once per socket. */
    close(callback?: () => void): void;
  }

  interface Authorizer {
    addCommunity(community: string): void;
    deleteCommunity(community: string): void;
    getCommunities(): string[];
    addUser(user: User): void;
    getUsers(): User[];
    deleteUser(name: string): void;
  }

  interface TrapVarbind {
    oid: string;
    type: ObjectType;
    value: string | number | boolean | Buffer | null;
  }

  /** PDU of an SNMPv1 trap, RFC 1157, 4.1.6. */
  interface TrapV1Pdu {
    type: PduType.Trap;
    enterprise: string;
    agentAddr: string;
    generic: number;
    specific: number;
    /** Hundredths of a second. */
    upTime: number;
    varbinds: TrapVarbind[];
    scoped: false;
  }

  interface TrapV2Pdu {
    type: PduType.TrapV2 | PduType.InformRequest;
    id: number;
    varbinds: TrapVarbind[];
    /** Whether the message is of version 3. */
    scoped: boolean;
    user?: string;
  }

  type ReceiverCallback = (
    error: (Error & { rinfo?: RemoteInfo }) | null,
    notification?: { pdu: TrapV1Pdu | TrapV2Pdu; rinfo: RemoteInfo },
  ) => void;
}
