import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { proxyFor } from './proxy.ts';

const https = { HTTPS_PROXY: 'http://secure:3128', HTTP_PROXY: 'plain:3128' };

describe('proxyFor', () => {
  const cases: readonly {
    readonly name: string;
    readonly to: string;
    readonly proxyUrl?: string;
    readonly env?: Record<string, string>;
    readonly want: string | undefined;
  }[] = [
    { name: 'nothing said', to: 'https://a', want: undefined },
    { name: 'HTTPS_PROXY for https', to: 'https://a', env: https, want: 'http://secure:3128/' },
    { name: 'HTTP_PROXY for http, a scheme added', to: 'http://a', env: https, want: 'http://plain:3128/' },
    { name: 'lower case', to: 'https://a', env: { https_proxy: 'http://lower' }, want: 'http://lower/' },
    { name: 'loopback is direct', to: 'https://127.0.0.1:6443', env: https, want: undefined },
    { name: 'localhost is direct', to: 'https://localhost', env: https, want: undefined },
    { name: '::1 is direct', to: 'https://[::1]:6443', env: https, want: undefined },
    { name: 'proxy-url even to loopback', to: 'https://127.0.0.1', proxyUrl: 'socks5://s:1080', want: 'socks5://s:1080' },
    {
      name: 'proxy-url before the environment',
      to: 'https://a',
      proxyUrl: 'http://p',
      env: { ...https, NO_PROXY: '*' },
      want: 'http://p/',
    },
    { name: 'NO_PROXY of all', to: 'https://a', env: { ...https, NO_PROXY: '*' }, want: undefined },
    { name: 'NO_PROXY of the name', to: 'https://Example.com', env: { ...https, NO_PROXY: 'x, example.com' }, want: undefined },
    {
      name: 'NO_PROXY of a domain holds what is below',
      to: 'https://a.example.com',
      env: { ...https, NO_PROXY: 'example.com' },
      want: undefined,
    },
    {
      name: 'NO_PROXY with a dot holds only what is below',
      to: 'https://example.com',
      env: { ...https, NO_PROXY: '.example.com' },
      want: 'http://secure:3128/',
    },
    { name: 'NO_PROXY with a star, too', to: 'https://a.example.com', env: { ...https, NO_PROXY: '*.example.com' }, want: undefined },
    {
      name: 'NO_PROXY of another that ends alike',
      to: 'https://notexample.com',
      env: { ...https, NO_PROXY: 'example.com' },
      want: 'http://secure:3128/',
    },
    { name: 'NO_PROXY with the port', to: 'https://a:6443', env: { ...https, NO_PROXY: 'a:6443' }, want: undefined },
    { name: 'NO_PROXY with another port', to: 'https://a:6443', env: { ...https, NO_PROXY: 'a:443' }, want: 'http://secure:3128/' },
    { name: 'NO_PROXY with the default port', to: 'https://a', env: { ...https, NO_PROXY: 'a:443' }, want: undefined },
    { name: 'NO_PROXY of an address', to: 'https://10.0.0.1', env: { ...https, NO_PROXY: '10.0.0.1' }, want: undefined },
    { name: 'NO_PROXY of a range', to: 'https://10.1.2.3', env: { ...https, NO_PROXY: '10.0.0.0/8' }, want: undefined },
    { name: 'NO_PROXY of another range', to: 'https://11.1.2.3', env: { ...https, NO_PROXY: '10.0.0.0/8' }, want: 'http://secure:3128/' },
    { name: 'NO_PROXY of a range of IPv6', to: 'https://[fd00::5]', env: { ...https, NO_PROXY: 'fd00::/8' }, want: undefined },
    {
      name: 'NO_PROXY of an IPv6 address in another spelling',
      to: 'https://[fd00::5]',
      env: { ...https, NO_PROXY: '[fd00:0::5]:443' },
      want: undefined,
    },
    { name: 'a range does not hold names', to: 'https://a', env: { ...https, NO_PROXY: '10.0.0.0/8' }, want: 'http://secure:3128/' },
  ];
  for (const { name, to, proxyUrl, env = {}, want } of cases)
    test(name, () => assert.equal(proxyFor(new URL(to), proxyUrl, env)?.href, want));

  test('refuses what is no proxy, and HTTP_PROXY in a CGI program', () => {
    assert.throws(() => proxyFor(new URL('https://a'), 'ftp://p', {}), /unsupported proxy scheme "ftp"/);
    assert.throws(() => proxyFor(new URL('https://a'), undefined, { HTTPS_PROXY: 'http://a b' }), /invalid proxy address/);
    assert.throws(() => proxyFor(new URL('http://a'), undefined, { ...https, REQUEST_METHOD: 'GET' }), /CGI environment/);
    assert.equal(proxyFor(new URL('https://a'), undefined, { ...https, REQUEST_METHOD: 'GET' })?.host, 'secure:3128');
  });
});
