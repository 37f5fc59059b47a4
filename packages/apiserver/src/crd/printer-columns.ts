import type { CustomResourceColumnDefinition } from '@coracle/api';
import { humanDuration, parseTime } from '@coracle/apimachinery';
import type { ApiObject, Column } from '../registry/definition.ts';
import type { Cells } from '../registry/kind-hooks.ts';
import { JsonPath } from './json-path.ts';
import { jsonText } from './json-value.ts';

const ageColumn: CustomResourceColumnDefinition = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

export interface PrinterColumns {
  readonly columns: readonly Column[];
  readonly cells: Cells;
}

/**
 * The Table of a custom resource: its name and what `additionalPrinterColumns` ask for, else its age (apiextensions-apiserver
 * pkg/registry/customresource/tableconvertor). A column whose path cannot be read stays empty.
 */
export function printerColumns(definitions: readonly CustomResourceColumnDefinition[]): PrinterColumns {
  const shown = definitions.length === 0 ? [ageColumn] : definitions;
  const cellsOf = shown.map(cellOf);
  return {
    columns: [{ name: 'Name', type: 'string', format: 'name', priority: 0 }, ...shown.map(columnOf)],
    cells: (object, nowMs) => [object.metadata.name ?? '', ...cellsOf.map((cell) => cell(object, nowMs))],
  };
}

function columnOf({ name, type, format = '', description, priority = 0, jsonPath }: CustomResourceColumnDefinition): Column {
  const text = description ?? `Custom resource definition column (in JSONPath format): ${jsonPath}`;
  return { name, type, format, description: text, priority };
}

function cellOf({ type, jsonPath }: CustomResourceColumnDefinition): (object: ApiObject, nowMs: number) => unknown {
  const path = readablePath(jsonPath);
  return (object, nowMs) => {
    const value = path?.find(object)[0];
    if (value === undefined) return null;
    return type === 'string' ? textOf(value) : typedCell(type, value, nowMs);
  };
}

/** Definitions are validated only as far as upstream does, which lets odd paths through. */
function readablePath(text: string): JsonPath | undefined {
  try {
    return new JsonPath(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function textOf(value: unknown): string {
  return value === null ? '<no value>' : jsonText(value);
}

/** The value as the column's type; null when it is none. */
function typedCell(type: string, value: unknown, nowMs: number): unknown {
  switch (type) {
    case 'integer':
      if (typeof value === 'bigint') return value;
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? ageOf(value, nowMs) : null;
    default:
      return null;
  }
}

function ageOf(text: string, nowMs: number): string {
  if (text === '' || text === 'null') return '<unknown>';
  const atMs = parseTime(text);
  return atMs === undefined ? '<invalid>' : humanDuration(nowMs - atMs);
}
