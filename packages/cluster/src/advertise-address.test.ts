import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { test } from 'node:test';
import { advertiseAddress } from './advertise-address.ts';

const ipv4 = (address: string, internal = false): NetworkInterfaceInfo => ({
  address,
  internal,
  family: 'IPv4',
  netmask: '255.255.255.0',
  mac: '00:00:00:00:00:00',
  cidr: null,
});
const ipv6: NetworkInterfaceInfo = { ...ipv4('fe80::1'), family: 'IPv6', scopeid: 2 };

test('advertiseAddress() is the first of IPv4 that others can dial', () => {
  const interfaces = {
    lo: [ipv4('127.0.0.1', true)],
    usb0: [ipv4('169.254.7.7')],
    eth0: [ipv6, ipv4('192.0.2.2')],
    eth1: [ipv4('192.0.2.3')],
  };
  assert.equal(advertiseAddress(interfaces), '192.0.2.2');
});

test('advertiseAddress() is undefined on a host without network', () => {
  assert.equal(advertiseAddress({ lo: [ipv4('127.0.0.1', true)], eth0: [ipv6], eth1: undefined }), undefined);
});
