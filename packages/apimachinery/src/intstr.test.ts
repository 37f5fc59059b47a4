import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scaledIntOrPercent } from './intstr.ts';

for (const { value, total, up, down } of [
  { value: 3, total: 10, up: 3, down: 3 },
  { value: '25%', total: 10, up: 3, down: 2 },
  { value: '100%', total: 7, up: 7, down: 7 },
  { value: '0%', total: 7, up: 0, down: 0 },
  { value: '150%', total: 3, up: 5, down: 4 },
]) {
  test(`scaledIntOrPercent ${value} of ${total}`, () => {
    assert.equal(scaledIntOrPercent(value, total, 'up'), up);
    assert.equal(scaledIntOrPercent(value, total, 'down'), down);
  });
}

for (const { value, message } of [
  { value: '5', message: 'invalid value for IntOrString: invalid type: string is not a percentage' },
  { value: 'x%', message: 'invalid value for IntOrString: invalid value "x%": strconv.Atoi: parsing "x": invalid syntax' },
  { value: '%', message: 'invalid value for IntOrString: invalid value "%": strconv.Atoi: parsing "": invalid syntax' },
  { value: '1.5%', message: 'invalid value for IntOrString: invalid value "1.5%": strconv.Atoi: parsing "1.5": invalid syntax' },
]) {
  test(`scaledIntOrPercent refuses ${value}`, () => assert.throws(() => scaledIntOrPercent(value, 1, 'up'), { name: 'SyntaxError', message }));
}
