import type { Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm } from '@coracle/api';
import { getOwn } from '@coracle/apimachinery';

/** Whether one of the terms matches the node (component-helpers nodeaffinity.NodeSelector): none matches nothing. */
export function matchesNodeSelector(selector: NodeSelector, node: Node): boolean {
  return selector.nodeSelectorTerms.some((term) => matchesNodeSelectorTerm(term, node));
}

/** Whether all requirements of the term hold. A term without any matches nothing. */
export function matchesNodeSelectorTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  return (
    matchExpressions.every((requirement) => holds(requirement, getOwn(node.metadata.labels, requirement.key))) &&
    matchFields.every((requirement) => holds(requirement, requirement.key === 'metadata.name' ? node.metadata.name : undefined))
  );
}

function holds({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
    case 'Lt': {
      const [limit, number] = [integerOf(values[0]), integerOf(value)];
      if (limit === undefined || number === undefined) return false;
      return operator === 'Gt' ? number > limit : number < limit;
    }
    default:
      return false; // the server admits no other: nothing matches what we do not know
  }
}

function integerOf(text: string | undefined): bigint | undefined {
  return text !== undefined && /^[+-]?\d{1,19}$/.test(text) ? BigInt(text.replace('+', '')) : undefined;
}
