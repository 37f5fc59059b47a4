// Knip's findings as one JSON document, with the number of files that it saw: its own JSON reporter does not tell.

/** @param {{ issues: Record<string, Record<string, Record<string, { filePath: string, symbol: string, line?: number }>>>, counters: { processed: number } }} result */
export default function report({ issues, counters }) {
  const found = [];
  for (const [rule, files] of Object.entries(issues)) {
    for (const symbols of Object.values(files)) {
      for (const { filePath, symbol, line } of Object.values(symbols)) found.push({ rule, path: filePath, line, message: symbol });
    }
  }
  process.stdout.write(`${JSON.stringify({ files: counters.processed, found })}\n`);
}
