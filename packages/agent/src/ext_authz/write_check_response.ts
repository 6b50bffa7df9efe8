/**
 * `envoy.service.auth.v3.CheckResponse`, written. Envoy takes one without a status for an allow (X12), and a status of 0 is
 * proto3's default, so the status always carries its message: no answer of ours is ever empty on the wire.
 */
import type { EnvoyCheckResponse, HeaderValueOption } from '@postern/broker';
import { MessageWriter } from '../protobuf/writer.ts';

/** google.rpc.Code */
const RPC_OK = 0;

type DeniedResponse = NonNullable<EnvoyCheckResponse['denied_response']>;
type OkResponse = NonNullable<EnvoyCheckResponse['ok_response']>;
type Metadata = EnvoyCheckResponse['dynamic_metadata'];

/** Throws unless the status has a text and exactly the one response that fits it: then nothing is sent that could allow. */
export function writeCheckResponse(response: EnvoyCheckResponse): Uint8Array {
  const { status, ok_response, denied_response, error_response, dynamic_metadata } = response;
  const given = [ok_response, denied_response, error_response].filter((one) => one !== undefined);
  if (status.message === '' || given.length !== 1 || (status.code === RPC_OK) !== (ok_response !== undefined))
    throw new Error('a CheckResponse whose status and response disagree');
  const message = new MessageWriter().message(1, new MessageWriter().integer(1, status.code).text(2, status.message));
  if (denied_response !== undefined) message.message(2, deniedResponse(denied_response));
  if (ok_response !== undefined) message.message(3, okResponse(ok_response));
  if (error_response !== undefined) message.message(5, deniedResponse(error_response));
  return message.message(4, metadataStruct(dynamic_metadata)).finish();
}

function deniedResponse({ status, headers, body }: DeniedResponse): MessageWriter {
  const message = new MessageWriter().message(1, new MessageWriter().integer(1, status.code));
  for (const header of headers) message.message(2, headerOption(header));
  return message.text(3, body);
}

function okResponse({ headers, headers_to_remove }: OkResponse): MessageWriter {
  const message = new MessageWriter();
  for (const header of headers) message.message(2, headerOption(header));
  for (const name of headers_to_remove) message.text(5, name);
  return message;
}

function headerOption({ header, append_action }: HeaderValueOption): MessageWriter {
  return new MessageWriter()
    .message(1, new MessageWriter().text(1, header.key).text(2, header.value))
    .integer(3, append_action);
}

/** A `google.protobuf.Struct` of texts and lists of texts. */
function metadataStruct({ decision_id, reason, policies }: Metadata): MessageWriter {
  const list = new MessageWriter();
  for (const policy of policies) list.message(1, textValue(policy));
  return new MessageWriter()
    .message(1, structEntry('decision_id', textValue(decision_id)))
    .message(1, structEntry('reason', textValue(reason)))
    .message(1, structEntry('policies', new MessageWriter().message(6, list)));
}

const structEntry = (key: string, value: MessageWriter) => new MessageWriter().text(1, key).message(2, value);

/** A member of a oneof is written also when it is empty: without it the `Value` would be none at all. */
const textValue = (text: string) => new MessageWriter().bytes(3, Buffer.from(text, 'utf8'));
