/** An answer's body, up to a bound. */
import { accept, type Result, refuse } from '@postern/result';

/** Leaving the loop ends the connection. */
export async function readBounded(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<Result<Uint8Array, 'answer-too-large'>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) return refuse('answer-too-large');
    chunks.push(chunk);
  }
  return accept(Buffer.concat(chunks, size));
}
