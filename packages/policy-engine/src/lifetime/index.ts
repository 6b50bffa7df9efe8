export { answerValidUntilMs } from './answer_lifetime.ts';
export { cacheKeyOf, type InputsRead, inputsRead, mayRead } from './inputs_read.ts';
export { MAX_LIFETIME_MS } from './moment.ts';
