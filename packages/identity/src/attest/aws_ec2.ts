/**
 * Instance identity documents of EC2, with their RSA-2048 signature (`/latest/dynamic/instance-identity/rsa2048`): what AWS
 * says of a machine, to whoever asks on that machine. Good for the first minutes of its life, and once.
 */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { decodeBase64 } from '@postern/der';
import { accept, type Result, refuse } from '@postern/result';
import { type JsonObject, parseJsonObjectBytes } from '@postern/spiffe';
import type { AttestationReason, Attestor, InstanceOf } from './attestor.ts';
import { MAX_PROOF_AGE_SECONDS } from './attestor_instance.ts';
import { documentKeyOf } from './ec2_document_keys.ts';
import { createAttestation } from './facts.ts';
import { parseSignedData } from './signed_data.ts';

/** A document has 2 KiB with its signature. */
const MAX_PROOF_LENGTH = 16 * 1024;
const SKEW_MS = 60_000;
/** From the start of the instance; what begins later renews with what it got. */
const DEFAULT_MAX_AGE_SECONDS = 600;
const PEM_LINES = /-----(?:BEGIN|END) PKCS7-----/g;
const INSTANCE_ID = /^i-[0-9a-f]{8,17}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

export const awsEc2: Attestor<'aws-ec2'> = {
  proves: 'that somebody on this EC2 instance, any user of it, asked within minutes of its start, and was the first',
  makes: ['workload', 'agent'],
  claims: [
    'aws:account',
    'aws:region',
    'aws:zone',
    'aws:instance',
    'aws:image',
    'aws:instance_type',
    'aws:architecture',
    'aws:private_ip',
  ],
  async verify({ proof }, instance, ports) {
    const document = readDocument(proof, instance);
    if (!document.ok) return document;
    const { accountId, region, instanceId, pendingTime, ...others } = document.value;
    if (typeof accountId !== 'string' || !instance.accounts.includes(accountId)) return refuse('account-not-admitted');
    if (instance.regions !== undefined && !instance.regions.includes(region as string))
      return refuse('region-not-admitted');
    if (typeof instanceId !== 'string' || !INSTANCE_ID.test(instanceId))
      return refuse('document-malformed', 'instanceId');
    const startedAtMs =
      typeof pendingTime === 'string' && TIME.test(pendingTime) ? Date.parse(pendingTime) : Number.NaN;
    if (Number.isNaN(startedAtMs)) return refuse('document-malformed', 'pendingTime');
    const nowMs = ports.clock.nowMs();
    const maxAgeSeconds = instance.maxAgeSeconds ?? DEFAULT_MAX_AGE_SECONDS;
    if (startedAtMs - SKEW_MS > nowMs) return refuse('document-not-yet-valid');
    if (startedAtMs + maxAgeSeconds * 1000 + SKEW_MS <= nowMs) return refuse('document-too-old');
    // Remembered for as long as any instance could take it.
    const expiresAtMs = startedAtMs + MAX_PROOF_AGE_SECONDS * 1000 + SKEW_MS;
    const facts = {
      'aws:account': accountId,
      'aws:region': region,
      'aws:zone': others['availabilityZone'],
      'aws:instance': instanceId,
      'aws:image': others['imageId'],
      'aws:instance_type': others['instanceType'],
      'aws:architecture': others['architecture'],
      'aws:private_ip': others['privateIp'],
    };
    // By the instance, not by the document: AWS signs as many as are asked for.
    return createAttestation(instance, facts, { id: `${region}/${accountId}/${instanceId}`, expiresAtMs });
  },
};

/** The document inside, once the key of the Region that it names has signed it. */
function readDocument(
  proof: string | undefined,
  instance: InstanceOf<'aws-ec2'>,
): Result<JsonObject, AttestationReason> {
  if (proof === undefined || proof === '') return refuse('proof-missing');
  if (proof.length > MAX_PROOF_LENGTH) return refuse('proof-too-large');
  const bytes = decodeBase64(proof.replace(PEM_LINES, '').replace(/[\r\n \t]/g, ''));
  if (!bytes.ok) return refuse('document-malformed', 'base64');
  const signed = parseSignedData(bytes.value);
  if (!signed.ok) return signed;
  const document = parseJsonObjectBytes(signed.value.content);
  if (!document.ok) return refuse('document-malformed', document.reason);
  const region = document.value['region'];
  const key = typeof region === 'string' ? keyOf(region, instance) : undefined;
  if (key === undefined) return refuse('document-region-unknown');
  const verified = signed.value.verify(key);
  return verified.ok ? accept(document.value) : verified;
}

const given = new WeakMap<object, ReadonlyMap<string, KeyObject>>();

/** A Region that is built in has that key and no other; settings only add Regions. */
function keyOf(region: string, { certificates }: InstanceOf<'aws-ec2'>): KeyObject | undefined {
  const builtIn = documentKeyOf(region);
  if (builtIn !== undefined || certificates === undefined) return builtIn;
  const keys = given.get(certificates) ?? mapKeys(certificates);
  given.set(certificates, keys);
  return keys.get(region);
}

function mapKeys(certificates: { readonly [region: string]: string }): ReadonlyMap<string, KeyObject> {
  return new Map(Object.entries(certificates).map(([region, pem]) => [region, new X509Certificate(pem).publicKey]));
}
