/** JWT-SVIDs in memory: a bounded number for each identity, so that a workload that asks for much forgets its own alone. */
export interface HeldJwtSvid {
  readonly spiffeId: string;
  /** A secret. */
  readonly token: string;
  /** `kid` of what signed it. */
  readonly keyId: string;
  /** When it was asked for, and until when it is handed out again; by this node's clock. */
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface JwtSvidCache {
  /** One that is fresh at this moment, by a key that counts now. */
  get(identity: string, audience: string, nowMs: number): HeldJwtSvid | undefined;
  set(identity: string, audience: string, svid: HeldJwtSvid): void;
}

const MAX_IDENTITIES = 4096;
const MAX_PER_IDENTITY = 64;

/** `isBelieved`: whether a token by this `kid` still verifies. */
export function createJwtSvidCache(isBelieved: (keyId: string) => boolean): JwtSvidCache {
  const identities = new Map<string, Map<string, HeldJwtSvid>>();
  return {
    get(identity, audience, nowMs) {
      const own = identities.get(identity);
      const svid = own?.get(audience);
      // A clock that was set back says nothing of how old it is.
      const isFresh = svid !== undefined && nowMs >= svid.fromMs && nowMs < svid.untilMs;
      if (isFresh && isBelieved(svid.keyId)) return svid;
      own?.delete(audience);
      return undefined;
    },
    set(identity, audience, svid) {
      const own = identities.get(identity) ?? new Map<string, HeldJwtSvid>();
      own.delete(audience);
      own.set(audience, svid);
      forgetOldest(own, MAX_PER_IDENTITY);
      identities.delete(identity);
      identities.set(identity, own);
      forgetOldest(identities, MAX_IDENTITIES);
    },
  };
}

function forgetOldest(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}
