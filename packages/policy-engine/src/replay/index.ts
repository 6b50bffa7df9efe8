export { decideRecorded, type InputReason, inputOf, type RecordedDecision } from './decide_recorded.ts';
export {
  DERIVED_ATTRIBUTES,
  formatRecordedInput,
  MAX_RECORDED_INPUT_CHARS,
  parseRecordedInput,
  RECORDED_INPUT_VERSION,
  type RecordedInput,
  type RecordedInputReason,
  recordInput,
} from './recorded_input.ts';
export * from './replay.ts';
