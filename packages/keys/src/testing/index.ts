export { type CountedSigner, countSigns } from './count_signs.ts';
export { createFailingSigner } from './failing_signer.ts';
