type Payload = Record<string, unknown> & { grantId?: string; uid?: string; userCode?: string };
type Kept = { payload: Payload; expiresAtMs: number };

/**
 * The storage that `oidc-provider` asks for, in memory: a development sign-in need not outlive its process. The
 * provider creates one adapter per kind of record, so all of one provider's adapters share one map.
 */
export function createMemoryAdapter(): new (kind: string) => MemoryAdapter {
  const kept = new Map<string, Kept>();
  return class extends MemoryAdapter {
    constructor(kind: string) {
      super(kind, kept);
    }
  };
}

class MemoryAdapter {
  readonly #kind: string;
  readonly #kept: Map<string, Kept>;

  constructor(kind: string, kept: Map<string, Kept>) {
    this.#kind = kind;
    this.#kept = kept;
  }

  async upsert(id: string, payload: Payload, expiresInSeconds?: number): Promise<void> {
    const lifeMs = expiresInSeconds === undefined ? Number.POSITIVE_INFINITY : expiresInSeconds * 1000;
    this.#kept.set(this.#key(id), { payload, expiresAtMs: Date.now() + lifeMs });
  }

  async find(id: string): Promise<Payload | undefined> {
    const found = this.#kept.get(this.#key(id));
    if (found === undefined || found.expiresAtMs > Date.now()) return found?.payload;
    this.#kept.delete(this.#key(id));
    return undefined;
  }

  async findByUid(uid: string): Promise<Payload | undefined> {
    return this.#findWhere((payload) => payload.uid === uid);
  }

  async findByUserCode(userCode: string): Promise<Payload | undefined> {
    return this.#findWhere((payload) => payload.userCode === userCode);
  }

  async consume(id: string): Promise<void> {
    const found = this.#kept.get(this.#key(id));
    if (found !== undefined) found.payload['consumed'] = Math.floor(Date.now() / 1000);
  }

  async destroy(id: string): Promise<void> {
    this.#kept.delete(this.#key(id));
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    for (const [key, { payload }] of this.#kept) if (payload.grantId === grantId) this.#kept.delete(key);
  }

  #findWhere(isWanted: (payload: Payload) => boolean): Payload | undefined {
    for (const [key, { payload, expiresAtMs }] of this.#kept) {
      if (key.startsWith(`${this.#kind}:`) && expiresAtMs > Date.now() && isWanted(payload)) return payload;
    }
    return undefined;
  }

  #key(id: string): string {
    return `${this.#kind}:${id}`;
  }
}
