export { type CountedSigner, countSigns } from './count_signs.ts';
export { describeGenerations } from './describe_generations.ts';
export { createFailingSigner } from './failing_signer.ts';
