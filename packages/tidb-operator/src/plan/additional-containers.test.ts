import assert from 'node:assert/strict';
import test from 'node:test';
import { withAdditionalContainers } from './additional-containers.ts';

test('withAdditionalContainers() patches the generated container of the same name and adds others', () => {
  const generated = [
    {
      name: 'pd',
      image: 'pingcap/pd:v8.5.7',
      env: [
        { name: 'A', value: '1' },
        { name: 'TZ', value: 'UTC' },
      ],
      resources: { limits: { cpu: '1' } },
    },
  ];
  assert.deepEqual(
    withAdditionalContainers(generated, [
      {
        name: 'pd',
        env: [
          { name: 'A', value: '2' },
          { name: 'B', value: '3' },
        ],
        resources: { requests: { cpu: '1' } },
        command: ['x'],
      },
      { name: 'side', image: 'busybox' },
    ]),
    [
      {
        name: 'pd',
        image: 'pingcap/pd:v8.5.7',
        env: [
          { name: 'A', value: '2' },
          { name: 'TZ', value: 'UTC' },
          { name: 'B', value: '3' },
        ],
        resources: { limits: { cpu: '1' }, requests: { cpu: '1' } },
        command: ['x'],
      },
      { name: 'side', image: 'busybox' },
    ],
  );
});
