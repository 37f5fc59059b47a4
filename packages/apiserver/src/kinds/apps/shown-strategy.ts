import { emptyText, type GoShape, goStruct } from '../rules/go-struct.ts';

const strategy: GoShape = [
  ['Type', 'type', emptyText],
  [
    'RollingUpdate',
    'rollingUpdate',
    {
      of: [
        ['MaxUnavailable', 'maxUnavailable'],
        ['MaxSurge', 'maxSurge'],
      ],
    },
  ],
];

/** The strategy of a Deployment or a DaemonSet as messages show it: Go's internal struct. */
export function shownStrategy(value: object): unknown {
  return goStruct(strategy, value);
}
