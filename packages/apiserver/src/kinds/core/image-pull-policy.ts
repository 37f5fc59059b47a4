/** Images that move (no tag, or `latest`) are pulled anew. Names that cannot be parsed count as having a tag. */
export function pullPolicyOf(image: string): string {
  return /^[^\s@]+$/.test(image) && image === image.trim() && (tagOf(image) ?? 'latest') === 'latest' ? 'Always' : 'IfNotPresent';
}

function tagOf(image: string): string | undefined {
  const name = image.slice(image.lastIndexOf('/') + 1);
  const colon = name.indexOf(':');
  return colon < 0 ? undefined : name.slice(colon + 1);
}
