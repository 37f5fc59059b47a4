export const realSetImmediate: (run: () => void) => void = setImmediate;
