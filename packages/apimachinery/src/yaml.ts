import {
  boolYaml11Tag,
  constructFromEvents,
  DEFAULT_SCALAR_STYLE_RULES,
  defineScalarTag,
  dump,
  type Event,
  EVENT_ID,
  FAILSAFE_SCHEMA,
  getScalarValue,
  mergeTag,
  NOT_RESOLVED,
  nullYaml11Tag,
  parseEvents,
  SCALAR_STYLE,
  type ScalarStyleRule,
  YAMLException,
} from 'js-yaml';
import { compareBytes } from './maps.ts';
import { goQuote } from './quote.ts';

/** The text is not YAML, or more than is read. `line` counts from 1 within the whole text. */
export class YamlSyntaxError extends SyntaxError {
  override readonly name = 'YamlSyntaxError';
  readonly line: number;
  constructor(message: string, line: number, options?: ErrorOptions) {
    super(message, options);
    this.line = line;
  }
}

/** Longer texts are refused. A manifest of CustomResourceDefinitions has 3 MB. */
const maxCharacters = 64 * 1024 * 1024;
const maxDepth = 1_000;
/** Uses of anchors in one text: what a few lines could be blown up to is bounded by them. */
const maxAliases = 1_000;
/** Values that a text with anchors may stand for once each alias is written out. */
const maxExpandedValues = 1_000_000;

const integerForm = /^[-+]?(?:0|[1-9]\d*|0[0-7]+|0o[0-7]+|0b[01]+|0x[\da-f]+)$/i;
const floatForm = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:e[-+]?\d+)?$/i;
const longestNumber = 400;

/** Go's integers with their prefixes, `012` in octal; a bigint beyond ±(2^53−1). Base 60 (`22:22`) is no number. */
function integerOf(source: string): number | bigint | typeof NOT_RESOLVED {
  const plain = source.replaceAll('_', '');
  if (source.startsWith('_') || plain.length > longestNumber || !integerForm.test(plain)) return NOT_RESOLVED;
  const digits = plain.replace(/^[-+]/, '').replace(/^0(?=\d)/, '0o');
  const value = plain.startsWith('-') ? -BigInt(digits) : BigInt(digits);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function floatOf(source: string): number | typeof NOT_RESOLVED {
  const plain = source.startsWith('.') ? source : source.replaceAll('_', '');
  if (source.startsWith('_') || plain.length > longestNumber || !floatForm.test(plain)) return NOT_RESOLVED;
  return Number.isFinite(Number(plain)) ? Number(plain) : NOT_RESOLVED;
}

const startsOfNumbers: readonly string[] = '+-.0123456789'.split('');
const integerTag = defineScalarTag<number | bigint>('tag:yaml.org,2002:int', {
  implicit: true,
  implicitFirstChars: startsOfNumbers,
  resolve: integerOf,
  // What is printed has to be read as the same kind: 1e+21 is a float.
  identify: (value) => typeof value === 'bigint' || (Number.isInteger(value) && !String(value).includes('e')),
});
const floatTag = defineScalarTag<number>('tag:yaml.org,2002:float', {
  implicit: true,
  implicitFirstChars: startsOfNumbers,
  resolve: floatOf,
  identify: (value) => typeof value === 'number',
});

/** YAML as Kubernetes reads it (sigs.k8s.io/yaml): `yes` is true, `012` is ten, `22:22` and times are text. */
const schema = FAILSAFE_SCHEMA.withTags(nullYaml11Tag, boolYaml11Tag, integerTag, floatTag, mergeTag);

/** One document of a text. */
export interface YamlDocument {
  readonly value: unknown;
  /** Where its content begins, from 1. */
  readonly line: number;
  /** Keys that came again in one map, in upstream's words: `line 7: key "a" already set in map`. The last value won. */
  readonly duplicates: readonly YamlDuplicate[];
}

/** A key that came twice in one mapping; lines count from 1. */
export interface YamlDuplicate {
  readonly line: number;
  readonly message: string;
}

/**
 * The documents of a YAML text, separated by `---`, as plain JSON values; empty documents are left out. Keys that come twice are
 * refused. JSON is YAML, too. Throws YamlSyntaxError.
 */
export function readYamlDocuments(text: string): readonly unknown[] {
  return readYamlStream(text).map(({ value, duplicates: [duplicate] }) => {
    if (duplicate !== undefined) throw new YamlSyntaxError(duplicate.message, duplicate.line);
    return value;
  });
}

/** As `readYamlDocuments`, but with the place of each document, and with keys that come twice in a list. */
export function readYamlStream(text: string): readonly YamlDocument[] {
  if (text.length > maxCharacters) {
    throw new YamlSyntaxError(`Cannot read ${text.length} characters of YAML: the limit is ${maxCharacters}`, 1);
  }
  try {
    const events = parseEvents(text, { maxDepth });
    const values = constructFromEvents(events, { source: text, schema, maxAliases, json: true });
    if (text.includes('&')) for (const value of values) requireBoundedAliases(value, new Map(), 0);
    const places = placesOf(text, events);
    return values
      .map((value, i) => ({ value, line: places[i]?.line ?? 1, duplicates: places[i]?.duplicates ?? [] }))
      .filter(({ value }) => value !== null && value !== undefined);
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const line = (error.mark?.line ?? 0) + 1;
    throw new YamlSyntaxError(`line ${line}: ${error.reason}`, line, { cause: error });
  }
}

/** Begin and doubled keys of each document: the constructed values no longer know where they came from. */
function placesOf(text: string, events: readonly Event[]): readonly Omit<YamlDocument, 'value'>[] {
  const places: { line: number; readonly duplicates: YamlDuplicate[] }[] = [];
  /** Of each open collection the keys so far; `awaitsKey` says what comes next in a map. */
  const open: { readonly keys: Set<string> | undefined; awaitsKey: boolean }[] = [];
  const lineAt = lineCounter(text);
  for (const event of events) {
    const [place, within] = [places.at(-1), open.at(-1)];
    if (event.type === EVENT_ID.POP) {
      open.pop();
      continue;
    }
    if (event.type === EVENT_ID.DOCUMENT) {
      places.push({ line: 0, duplicates: [] });
      open.push({ keys: undefined, awaitsKey: false });
      continue;
    }
    const start = event.type === EVENT_ID.SCALAR ? event.valueStart : event.type === EVENT_ID.ALIAS ? event.anchorStart : event.start;
    if (place !== undefined && place.line === 0) place.line = lineAt(start);
    if (within?.keys !== undefined) {
      if (within.awaitsKey && event.type === EVENT_ID.SCALAR) {
        const key = getScalarValue(text, event);
        if (key !== '<<' && within.keys.has(key)) {
          const line = lineAt(start);
          place?.duplicates.push({ line, message: `line ${line}: key ${goQuote(key)} already set in map` });
        }
        within.keys.add(key);
      }
      within.awaitsKey = !within.awaitsKey;
    }
    if (event.type === EVENT_ID.MAPPING) open.push({ keys: new Set(), awaitsKey: true });
    if (event.type === EVENT_ID.SEQUENCE) open.push({ keys: undefined, awaitsKey: false });
  }
  return places;
}

/** Lines of offsets that are asked for in ascending order; an absent one (−1) has that of the last. */
function lineCounter(text: string): (offset: number) => number {
  let [line, next] = [1, text.indexOf('\n')];
  return (offset) => {
    for (; next >= 0 && next < offset; next = text.indexOf('\n', next + 1)) line++;
    return line;
  };
}

interface Extent {
  readonly values: number;
  readonly depth: number;
}

/**
 * Aliases share what they stand for, so that a short text may hold a tree that nobody could walk, or a circle.
 * `known` has no extent of values that are being measured.
 */
function requireBoundedAliases(value: unknown, known: Map<object, Extent | undefined>, depth: number): Extent {
  if (typeof value !== 'object' || value === null) return { values: 1, depth: 0 };
  const before = known.get(value);
  if (before === undefined && known.has(value)) throw new YamlSyntaxError('line 1: anchor value contains itself', 1);
  if (depth + (before?.depth ?? 0) > maxDepth) throw new YamlSyntaxError('line 1: exceeded max depth', 1);
  if (before !== undefined) return before;
  known.set(value, undefined);
  let [values, deepest] = [1, 0];
  for (const member of Object.values(value)) {
    const extent = requireBoundedAliases(member, known, depth + 1);
    values += extent.values;
    deepest = Math.max(deepest, extent.depth + 1);
    if (values > maxExpandedValues) throw new YamlSyntaxError('line 1: document contains excessive aliasing', 1);
  }
  const extent = { values, depth: deepest };
  known.set(value, extent);
  return extent;
}

const otherWords: ReadonlySet<string> = new Set(
  ['', '~', 'null', 'y', 'yes', 'true', 'on', 'n', 'no', 'false', 'off', '.nan', '.inf', '+.inf', '-.inf', '<<'].flatMap((word) => [
    word,
    word.toUpperCase(),
    word.replace(/[a-z]/, (letter) => letter.toUpperCase()),
  ]),
);
const base60Form = /^[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?$/;
const timeForm = /^\d{4}-\d\d?-\d\d?(?:[Tt]\d\d?:\d\d?:\d\d?(?:\.\d+)?(?:Z|[-+]\d\d:\d\d)| \d\d?:\d\d?:\d\d?(?:\.\d+)?)?$/;

/** Whether some reader could take the unquoted text for something else. */
function isAmbiguous(text: string): boolean {
  return (
    otherWords.has(text) ||
    base60Form.test(text) ||
    timeForm.test(text) ||
    integerOf(text) !== NOT_RESOLVED ||
    floatOf(text) !== NOT_RESOLVED
  );
}

const styleRules: readonly ScalarStyleRule[] = [
  (layout) => {
    const isText = layout.node.tag === 'tag:yaml.org,2002:str';
    if (isText && layout.style === SCALAR_STYLE.PLAIN && isAmbiguous(layout.node.value)) layout.style = SCALAR_STYLE.DOUBLE_QUOTED;
  },
  ...Object.values(DEFAULT_SCALAR_STYLE_RULES),
];

/** A JSON value as YAML, as the API server prints it: keys in order of their bytes, lists as deep as their key. */
export function writeYaml(value: unknown): string {
  return dump(value, { schema, sortKeys: compareBytes, noRefs: true, seqNoIndent: true, lineWidth: -1, scalarStyleRules: styleRules });
}
