import type { Endpoints, EndpointAddress, EndpointPort, EndpointSubset } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaulted, inEach, inField } from '../defaulted.ts';
import { isIp, isReachableIp } from '../rules/ip.ts';
import { dnsLabel, dnsSubdomain, oneOf } from '../rules/names.ts';
import { portNumber } from '../rules/numbers.ts';
import { hooksFor } from '../typed-hooks.ts';

export const endpoints: KindHooks = hooksFor<Endpoints>({
  default: (object) =>
    inField(object, 'subsets', (subsets) =>
      inEach(subsets, (subset) => inField(subset, 'ports', (ports) => inEach(ports, (port) => defaulted(port, { protocol: 'TCP' })))),
    ),
  strategy: { validate: ({ subsets = [] }) => subsets.flatMap((subset, i) => validateSubset(`subsets[${i}]`, subset)) },
});

function validateSubset(field: string, { addresses = [], notReadyAddresses = [], ports = [] }: EndpointSubset): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (addresses.length === 0 && notReadyAddresses.length === 0) {
    faults.push(FieldError.required(field, 'must specify `addresses` or `notReadyAddresses`'));
  }
  faults.push(...addresses.flatMap((address, i) => validateAddress(`${field}.addresses[${i}]`, address)));
  faults.push(...notReadyAddresses.flatMap((address, i) => validateAddress(`${field}.notReadyAddresses[${i}]`, address)));
  return [...faults, ...ports.flatMap((port, i) => validatePort(`${field}.ports[${i}]`, port, ports.length > 1))];
}

function validateAddress(field: string, { ip, hostname = '', nodeName }: EndpointAddress): readonly FieldError[] {
  return [
    ...isIp(`${field}.ip`, ip),
    ...(hostname === '' ? [] : dnsLabel(`${field}.hostname`, hostname)),
    ...(nodeName === undefined ? [] : dnsSubdomain(`${field}.nodeName`, nodeName)),
    ...isReachableIp(`${field}.ip`, ip),
  ];
}

function validatePort(field: string, { name = '', port, protocol }: EndpointPort, isNamed: boolean): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (name !== '') faults.push(...dnsLabel(`${field}.name`, name));
  else if (isNamed) faults.push(FieldError.required(`${field}.name`));
  return [...faults, ...portNumber(`${field}.port`, port), ...oneOf(`${field}.protocol`, protocol, ['SCTP', 'TCP', 'UDP'])];
}
