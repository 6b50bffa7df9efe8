export {
  type DecisionExplanation,
  type ExplainedError,
  type ExplainedPolicy,
  explainDecision,
  type PartyExplanation,
} from './explain_decision.ts';
