import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scheduleFault } from './cron.ts';

for (const schedule of ['* * * * *', '*/5 0-6 1,15 jan-mar mon', '0 0 ? * 0', '@daily', '@every 1h30m', '5-59/10 * * * *']) {
  test(`scheduleFault() finds nothing wrong with ${schedule}`, () => assert.equal(scheduleFault(schedule), undefined));
}

for (const { schedule, fault } of [
  { schedule: '60 * * * *', fault: 'end of range (60) above maximum (59): 60' },
  { schedule: '* * 0 * *', fault: 'beginning of range (0) below minimum (1): 0' },
  { schedule: '9-3 * * * *', fault: 'beginning of range (9) beyond end of range (3): 9-3' },
  { schedule: '*/0 * * * *', fault: 'step of range should be a positive number: */0' },
  { schedule: '* * * *', fault: 'expected exactly 5 fields, found 4: [* * * *]' },
  { schedule: '1-2-3 * * * *', fault: 'too many hyphens: 1-2-3' },
  { schedule: '@never', fault: 'unrecognized descriptor: @never' },
]) {
  test(`scheduleFault() says of ${schedule}: ${fault}`, () => assert.equal(scheduleFault(schedule), fault));
}
