/** JSON as block YAML. Every string that a YAML reader might take for something else is written as JSON, which YAML contains. */
export function toYaml(value: unknown): string {
  return `${lines(value, 0).join('\n')}\n`;
}

function lines(value: unknown, depth: number): string[] {
  const pad = '  '.repeat(depth);
  if (Array.isArray(value)) {
    return value.flatMap((item) => {
      const [first = '', ...rest] = lines(item, depth + 1);
      return [`${pad}- ${first.trimStart()}`, ...rest];
    });
  }
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, member]) =>
      isScalar(member) ? [`${pad}${scalar(key)}: ${scalar(member)}`] : [`${pad}${scalar(key)}:`, ...lines(member, depth + 1)],
    );
  }
  return [`${pad}${scalar(value)}`];
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null || Object.keys(value).length === 0;
}

function scalar(value: unknown): string {
  const plain = typeof value === 'string' && /^[A-Za-z][A-Za-z0-9_./-]*$/.test(value);
  if (plain && !/^(y|n|yes|no|on|off|true|false|null)$/i.test(value)) return value;
  // Single quotes need no escapes where double ones do, which is how the formatter has it.
  return typeof value === 'string' && /^[ -&(-[\]-~]*"[ -&(-[\]-~]*$/.test(value) ? `'${value}'` : JSON.stringify(value);
}
