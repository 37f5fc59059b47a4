/** A value of DER: its tag and its content. */
interface Value {
  readonly tag: number;
  readonly content: Uint8Array;
}

const sequenceTag = 0x30;
const setTag = 0x31;
const commonNameOid = '550403'; // 2.5.4.3

/**
 * The common name of the subject of a PKCS #10 request; of several the last, as Go reads it, '' for none. Throws RangeError for
 * what is no request.
 */
export function commonNameOfRequest(pem: string): string {
  const text = /-----BEGIN CERTIFICATE REQUEST-----([\s\S]*?)-----END CERTIFICATE REQUEST-----/.exec(pem)?.[1];
  if (text === undefined) throw new RangeError('PEM block type must be CERTIFICATE REQUEST');
  const [request] = valuesIn(Buffer.from(text, 'base64'));
  const [info] = valuesIn(contentOf(request, sequenceTag));
  const [, subject] = valuesIn(contentOf(info, sequenceTag));
  let commonName = '';
  for (const names of valuesIn(contentOf(subject, sequenceTag)))
    for (const name of valuesIn(contentOf(names, setTag))) {
      const [type, value] = valuesIn(contentOf(name, sequenceTag));
      if (type !== undefined && value !== undefined && Buffer.from(type.content).toString('hex') === commonNameOid)
        commonName = new TextDecoder().decode(value.content);
    }
  return commonName;
}

function contentOf(value: Value | undefined, tag: number): Uint8Array {
  if (value?.tag !== tag) throw new RangeError('asn1: structure error: tags do not match');
  return value.content;
}

function valuesIn(bytes: Uint8Array): readonly Value[] {
  const values: Value[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? 0;
    const first = bytes[at + 1] ?? 0x80;
    let start = at + 2;
    let length = first;
    if (first >= 0x80) {
      const count = first & 0x7f;
      if (count === 0 || count > 3) throw new RangeError('asn1: structure error: length too large');
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[start + i] ?? 0);
      start += count;
    }
    if (start + length > bytes.length) throw new RangeError('asn1: syntax error: data truncated');
    values.push({ tag, content: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return values;
}
