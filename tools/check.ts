/** `npm run check`: every gate over the repository, and over the known-bad one, which shows that it can fail. */
import path from 'node:path';
import { gates } from './gates.ts';
import { KnownBad } from './known-bad.ts';

const root = path.dirname(import.meta.dirname);
using knownBad = new KnownBad(root);

for (const gate of gates) {
  const startMs = performance.now();
  const { files, counted, findings } = gate.run(root);
  const expected = knownBad.expectations.filter((expectation) => expectation.gate === gate.name).length;
  const missed = knownBad.missedBy(gate);
  const isSound = files > 0 && expected > 0 && missed.length === 0;
  if (findings.length > 0 || !isSound) process.exitCode = 1;

  for (const { rule, path: file, line, message } of findings) console.log(`${file}:${line ?? 1} ${gate.name}/${rule}: ${message}`);
  for (const { rule, path: file, line } of missed)
    console.log(`tools/fixtures/known-bad/${file}:${line} ${gate.name}/${rule} is not reported`);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  const seen = counted === undefined ? `${files} files` : `${files} files, ${counted}`;
  const verdict = findings.length === 0 ? 'ok' : `${findings.length} findings`;
  console.log(
    `${gate.name.padEnd(6)} ${verdict}; saw ${seen}; reports ${expected - missed.length} of ${expected} known-bad lines; ${seconds} s`,
  );
}
