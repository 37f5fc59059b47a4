/** A resource that is reached below another's name: `pods/NAME/log`. */
export interface SubresourceRow {
  readonly name: string;
  /** What it answers with or takes. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

/** A column of the Table form (what `kubectl get` prints). */
export interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  /** 0 is always shown, 1 only with `-o wide`. */
  readonly priority: number;
}

/** What discovery says of one resource of one version of a group. */
export interface ResourceRow {
  readonly group: string;
  readonly version: string;
  /** Plural, lower case. */
  readonly resource: string;
  readonly kind: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
  /** Legacy discovery's; absent where nothing is stored. */
  readonly storageVersionHash?: string;
  readonly subresources: readonly SubresourceRow[];
  /** Empty where the server prints only Name and Age (Created At). */
  readonly columns: readonly ColumnRow[];
}
