/** What a piece of work is done because of: a revision of the store that was observed, or a person or timer by name. */
export type Cause = { readonly revision: number } | { readonly by: string };
