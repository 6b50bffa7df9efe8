/** UUIDv7 (RFC 9562 5.7): decisions sort by time, and two never share an id. */

/** Bytes drawn at once: one draw of randomness serves 100 decisions. */
const POOL_BYTES = 1000;
const ID_BYTES = 10;

/** `random`: cryptographically secure bytes; ids are told to clients, who must not be able to guess others. */
export function createDecisionIds(random: (length: number) => Uint8Array): (nowMs: number) => string {
  let pool: Uint8Array = new Uint8Array();
  let at = 0;
  return (nowMs) => {
    if (at + ID_BYTES > pool.length) [pool, at] = [random(POOL_BYTES), 0];
    const bytes = Buffer.alloc(16);
    bytes.writeUIntBE(Math.max(0, Math.floor(nowMs)), 0, 6);
    bytes.set(pool.subarray(at, at + ID_BYTES), 6);
    at += ID_BYTES;
    bytes[6] = 0x70 | ((bytes[6] as number) & 0x0f);
    bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f);
    const hex = bytes.toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  };
}
