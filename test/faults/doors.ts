/** One call of each kind that a fault could spoil, in order as far as it goes, and what it leaves behind. */
import { PATHS, type SvidsAnswer } from '@postern/api';
import { callAs, csrOf, enterWorkload, type Holder, joinAgent, newKey } from '@postern/functions/testing/agents';
import type { World } from '@postern/functions/testing/world';
import { arnOf } from '../../examples/demo/cloud/roles.ts';
import { readDemoPolicies } from '../../examples/demo/policies.ts';
import { agentsOf, type CloudWorld } from './cloud_world.ts';

export const DOOR_NAMES = ['authorize', 'issue', 'feed', 'admin', 'publish'] as const;
export type DoorName = (typeof DOOR_NAMES)[number];

export type Outcome = {
  status: number;
  retryAfter: string | undefined;
};

export type Doors = Readonly<Record<DoorName, () => Promise<Outcome>>> & {
  /** What `issue`, `admin` and `publish` have brought about so far, by the control plane's own account. */
  effects: () => Promise<Effects>;
};

export type Effects = {
  /** SVIDs that were issued to workloads of this suite's node. */
  issued: number;
  entries: number;
  releaseNumber: number;
};

const NODE = 'faults-node';

/** A node of its own, so that what the demo's agent does meanwhile is not counted. */
export async function openDoors(world: CloudWorld): Promise<Doors & { node: Holder; agents: World }> {
  const agents = agentsOf(world) as unknown as World;
  const node = await joinAgent(agents, NODE);
  const entryId = await enterWorkload(agents, node, '/faults');
  const files = Object.fromEntries(readDemoPolicies(world.plane.provider.issuer, Date.now(), arnOf('payments')));
  let entries = 0;
  return {
    node,
    agents,
    async authorize() {
      const { status, retryAfter } = await world.askAuthorize();
      return { status, retryAfter };
    },
    async issue() {
      const requests = [{ entryId, csr: csrOf(newKey()) }];
      const response = await callAs(agents, node, { method: 'POST', target: PATHS.svids, body: { requests } });
      const body = (await response.json()) as Partial<SvidsAnswer>;
      if (response.ok && body.svids?.length !== 1) throw new Error(`nothing is issued: ${JSON.stringify(body)}`);
      return outcomeOf(response);
    },
    feed: async () => outcomeOf(await callAs(agents, node, { method: 'GET', target: `${PATHS.feed}?epoch=&after=0` })),
    admin: async () => {
      const entry = { spiffeId: `spiffe://demo.test/entry-${++entries}`, parentId: node.spiffeId };
      return outcomeOf(await world.call('POST', PATHS.admin.entries, { ...entry, selectors: ['unix:uid:1'] }));
    },
    publish: async () => outcomeOf(await world.call('POST', PATHS.admin.releases, { files, force: true })),
    async effects() {
      const [{ records }, { entries: listed }, { releaseNumber }] = await Promise.all([
        get<{ records: { requester: string }[] }>(world, `${PATHS.admin.records}?kind=issuance-complete&limit=1000`),
        get<{ entries: { parentId: string }[] }>(world, `${PATHS.admin.entries}?limit=1000`),
        world.status(),
      ]);
      return {
        issued: records.filter(({ requester }) => requester === node.spiffeId).length,
        entries: listed.filter(({ parentId }) => parentId === node.spiffeId).length,
        releaseNumber,
      };
    },
  };
}

async function get<T>(world: CloudWorld, path: string): Promise<T> {
  return (await (await world.call('GET', path)).json()) as T;
}

function outcomeOf({ status, headers }: Response): Outcome {
  return { status, retryAfter: headers.get('retry-after') ?? undefined };
}
