import { boolYaml11Tag, dump, FAILSAFE_SCHEMA, floatYaml11Tag, intYaml11Tag, loadAll, mergeTag, nullYaml11Tag, YAMLException } from 'js-yaml';

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
/** YAML 1.1 as Kubernetes reads it (sigs.k8s.io/yaml): `yes` is true, `012` is ten; times stay text. */
const schema = FAILSAFE_SCHEMA.withTags(nullYaml11Tag, boolYaml11Tag, intYaml11Tag, floatYaml11Tag, mergeTag);

/**
 * The documents of a YAML text, separated by `---`, as plain JSON values; empty documents are left out. Keys that come twice are
 * refused. JSON is YAML, too. Throws YamlSyntaxError.
 */
export function readYamlDocuments(text: string): readonly unknown[] {
  if (text.length > maxCharacters) throw new YamlSyntaxError(`Cannot read ${text.length} characters of YAML: the limit is ${maxCharacters}`, 1);
  try {
    return loadAll(text, { schema, maxDepth, maxAliases }).filter((document) => document !== null && document !== undefined);
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    throw new YamlSyntaxError(`line ${error.mark === undefined ? 1 : error.mark.line + 1}: ${error.reason}`, error.mark === undefined ? 1 : error.mark.line + 1, { cause: error });
  }
}

/** A JSON value as YAML, keys in order of their bytes, as the API server prints it. */
export function writeYaml(value: unknown): string {
  return dump(value, { sortKeys: true, noRefs: true, lineWidth: -1 });
}
