import {
  type AcmeAuthority,
  createAcmeAccountStore,
  createAcmeOrderStore,
  createAcmeUrls,
  createNonces,
  createRates,
} from '@postern/acme';
import { CHALLENGE_ATTEMPT_TIMEOUT_MS, CHALLENGE_PAUSES_MS } from '@postern/acme/http-challenge';
import {
  type AddressRange,
  createAddressRule,
  parseAddressRange,
  type ResolveName,
  resolveByPlatform,
} from '@postern/outbound';
import type { Key } from '@postern/store';
import type { FunctionPorts } from '../ports.ts';
import { createRecorder } from '../recorder.ts';
import type { OpenApp } from '../served.ts';
import { createAcmeApp } from './app.ts';

export interface AcmeFunctionPorts extends FunctionPorts {
  /** Origin of the public doors. */
  readonly url: string;
  /** Origin that ACME clients are led to; that of the public doors when absent. */
  readonly acmeUrl?: string;
  /** What `issue` does for it. */
  readonly acmeAuthority: AcmeAuthority;
  /** Such as `10.0.0.0/8`: addresses that are not public and that challenges may be fetched from all the same. */
  readonly acmeAllowedRanges: readonly string[];
  /** Where names lead and which port answers there, in tests; the platform's resolver and 80 when absent. */
  readonly acmeNetwork?: { readonly resolve: ResolveName; readonly httpPort: number };
}

/** Throws a RangeError for a range that is none: it then answers nobody. */
export async function openAcme(ports: AcmeFunctionPorts): Promise<OpenApp> {
  const { table, clock, log } = ports;
  const origin = ports.acmeUrl ?? ports.url;
  const recorder = createRecorder('acme', ports);
  const mac = await ports.keys.mac('acme');
  const onForged = (key: Key) => log('error', 'acme-item-forged', { ...key });
  const { resolve, httpPort } = ports.acmeNetwork ?? { resolve: resolveByPlatform, httpPort: 80 };
  const app = createAcmeApp({
    ...recorder.doorPorts,
    origin,
    urls: createAcmeUrls(origin),
    nonces: createNonces({ table, mac, clock }),
    accounts: createAcmeAccountStore({ table, mac, onForged }),
    orders: createAcmeOrderStore({ table, mac, clock, onForged }),
    rates: createRates({ table, clock }),
    authority: ports.acmeAuthority,
    challengeRules: {
      isAddressAllowed: createAddressRule(ports.acmeAllowedRanges.map(rangeOf)),
      resolve,
      httpPort,
      pausesMs: CHALLENGE_PAUSES_MS,
      attemptTimeoutMs: CHALLENGE_ATTEMPT_TIMEOUT_MS,
    },
    clock,
    createId: recorder.createId,
    record: recorder.record,
  });
  return { app, ...recorder.lifecycle };
}

function rangeOf(text: string): AddressRange {
  const range = parseAddressRange(text);
  if (!range.ok) throw new RangeError(`\`${text.slice(0, 64)}\` is no range of addresses such as 10.0.0.0/8`);
  return range.value;
}
