import { int64Value, type LabelOperator, type LabelRequirement, parseLabelRequirements } from './label-parser.ts';
import { compareBytes, getOwn, hasOwn, sortedEntries, type WireMap } from './maps.ts';
import type { LabelSelector } from './meta.ts';
import { goQuote } from './quote.ts';
import { newBadRequest } from './status-errors.ts';

/** A parsed label selector: which label sets match (apimachinery pkg/labels). */
export interface LabelMatcher {
  /** Matches everything: the empty selector. */
  readonly everything: boolean;
  matches(labels: WireMap | undefined): boolean;
  /** The selector as text, keys in order. */
  toString(): string;
}

/** Matches every set of labels (labels.Everything). */
export const everything: LabelMatcher = { everything: true, matches: () => true, toString: () => '' };
/** Matches no set of labels (labels.Nothing). */
export const nothing: LabelMatcher = { everything: false, matches: () => false, toString: () => '<nothing>' };

/** `a=b,c!=d,e in (f,g),!h,i` → matcher. Throws a 400 StatusError in upstream's words. */
export function parseLabelSelector(text: string): LabelMatcher {
  const requirements = parseLabelRequirements(text);
  return requirements.length === 0 ? everything : matcherOf(requirements);
}

/** From the `selector` of an object: undefined matches nothing, the empty one everything. */
export function labelMatcher(selector: LabelSelector | undefined): LabelMatcher {
  if (selector === undefined) return nothing;
  const requirements: LabelRequirement[] = [];
  for (const [key, value] of sortedEntries(selector.matchLabels)) requirements.push({ key, operator: '=', values: [value] });
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const known = getOwn(operators, operator);
    if (known === undefined) throw newBadRequest(`${goQuote(operator)} is not a valid label selector operator`);
    requirements.push({ key, operator: known, values });
  }
  return requirements.length === 0 ? everything : matcherOf(requirements);
}

/** Matches labels that have every entry of `set`. */
export function matcherOfSet(set: WireMap | undefined): LabelMatcher {
  return labelMatcher({ matchLabels: set ?? {} });
}

const operators: WireMap<LabelOperator> = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!' };

function matcherOf(unordered: readonly LabelRequirement[]): LabelMatcher {
  const requirements = unordered.toSorted((a, b) => compareBytes(a.key, b.key));
  return {
    everything: false,
    matches: (labels) => requirements.every((requirement) => holds(requirement, labels)),
    toString: () => requirements.map(printed).join(','),
  };
}

function holds({ key, operator, values }: LabelRequirement, labels: WireMap | undefined): boolean {
  const value = getOwn(labels, key);
  switch (operator) {
    case '=':
    case 'in':
      return value !== undefined && values.includes(value);
    case '!=':
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return hasOwn(labels, key);
    case '!':
      return !hasOwn(labels, key);
    case '>':
    case '<': {
      const limit = int64Value(values[0]);
      const number = int64Value(value);
      if (limit === undefined || number === undefined) return false;
      return operator === '>' ? number > limit : number < limit;
    }
  }
}

function printed({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${values.toSorted(compareBytes).join(',')})`;
    case '=':
    case '!=':
    case '>':
    case '<':
      return `${key}${operator}${values[0] ?? ''}`;
  }
}
