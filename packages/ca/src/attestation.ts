/** What an attestor verified of a caller: the only ground on which an entry without an agent is matched. */
export interface Attestation {
  /** Name of the attestor instance; entries name it as their parent. */
  readonly attestor: string;
  readonly kind: string;
  readonly selectors: readonly string[];
  /** Verified by the authority itself, such as `k8s:ns` → `shop`; what templates may use. */
  readonly claims: ReadonlyMap<string, string>;
  readonly proofId: string;
  /** Until when the proof could be shown. */
  readonly expiresAtMs: number;
}
