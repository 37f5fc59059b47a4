import { type Frozen, isResourceExpired } from '@coracle/apimachinery';
import { abortReason } from '@coracle/kernel';
import { Fifo } from '../../util/fifo.ts';
import type { CallOptions, ListOptions } from '../../rest/options.ts';
import type { ListResult, ListWatch } from '../cache/list-watch.ts';

/** How a `ListPager` reads (tools/pager ListPager). */
export interface ListPagerOptions {
  /** Objects of one page; 0: everything at once. A limit in the options of the call wins. Default 500. */
  readonly pageSize?: number;
  /** Lists everything at once when the pages became too old on the way; else the server's Expired is thrown. Default true. */
  readonly fullListIfExpired?: boolean;
  /** Pages read ahead of the one that `eachListItem` works on. Default 10. */
  readonly pageBufferSize?: number;
}

/** What `ListPager.list` has read. */
export interface PagedList<T> {
  /** As of the first page's version. */
  readonly list: ListResult<T>;
  readonly isPaginated: boolean;
}

/** Reads a collection page by page (client-go tools/pager). */
export class ListPager<T> {
  readonly #listPage: ListWatch<T>['list'];
  readonly #pageSize: number;
  readonly #fullListIfExpired: boolean;
  readonly #pageBufferSize: number;

  /** Throws RangeError for a negative buffer. */
  constructor(listPage: ListWatch<T>['list'], options: ListPagerOptions = {}) {
    this.#listPage = listPage;
    this.#pageSize = options.pageSize ?? 500;
    this.#fullListIfExpired = options.fullListIfExpired ?? true;
    this.#pageBufferSize = options.pageBufferSize ?? 10;
    if (!(this.#pageBufferSize >= 0)) throw new RangeError(`Cannot buffer ${this.#pageBufferSize} pages`);
  }

  /** Everything, put together. Expired on the first page is thrown: a version that was asked for is gone, whatever the size. */
  async list(options: ListOptions = {}, io: CallOptions = {}): Promise<PagedList<T>> {
    let first: ListResult<T> | undefined;
    const items: Frozen<T>[] = [];
    let token = options.continue ?? '';
    for (let pages = 0; ; pages++) {
      let page: ListResult<T>;
      try {
        page = await this.#page(options, token, io);
      } catch (error) {
        if (!isResourceExpired(error) || !this.#fullListIfExpired || token === '') throw error;
        const { limit: _limit, continue: _continue, ...all } = options;
        return { list: await this.#listPage(all, io), isPaginated: pages > 0 };
      }
      token = page.metadata.continue ?? '';
      if (first === undefined) {
        if (token === '') return { list: page, isPaginated: false };
        first = page;
      }
      for (const item of page.items) items.push(item);
      if (token === '') {
        const { resourceVersion } = first.metadata;
        return { list: { ...first, metadata: resourceVersion === undefined ? {} : { resourceVersion }, items }, isPaginated: true };
      }
    }
  }

  /**
   * Gives each object to `process`, one at a time, while further pages are read. Ends with the first error: of `process`, of a page, or
   * the signal's reason. Never falls back to a full list: some were processed already.
   */
  async eachListItem(options: ListOptions, process: (item: Frozen<T>) => void | Promise<void>, io: CallOptions = {}): Promise<void> {
    await this.eachListPage(
      options,
      async (page) => {
        for (const item of page.items) await process(item);
      },
      io,
    );
  }

  /** As `eachListItem`, with whole pages. */
  async eachListPage(options: ListOptions, process: (page: ListResult<T>) => void | Promise<void>, io: CallOptions = {}): Promise<void> {
    const stop = new AbortController();
    const onAbort = (): void => stop.abort(io.signal?.reason);
    throwIfAborted(io.signal);
    io.signal?.addEventListener('abort', onAbort, { once: true });
    const pages = new PageBuffer<T>(this.#pageBufferSize);
    const reading = this.#readAhead(options, pages, stop.signal);
    try {
      for (let page = await pages.take(); page !== undefined; page = await pages.take()) {
        throwIfAborted(io.signal);
        await process(page);
      }
      throwIfAborted(io.signal); // whatever became of the page that was cut off
      await reading;
    } finally {
      io.signal?.removeEventListener('abort', onAbort);
      stop.abort(new Error('The pages are not read any more'));
      pages.close();
      await reading.catch(() => undefined); // told above, or of no interest any more
    }
  }

  async #readAhead(options: ListOptions, pages: PageBuffer<T>, signal: AbortSignal): Promise<void> {
    try {
      let token = options.continue ?? '';
      do {
        throwIfAborted(signal);
        const page = await this.#page(options, token, { signal });
        await pages.put(page);
        token = page.metadata.continue ?? '';
      } while (token !== '');
    } finally {
      pages.end();
    }
  }

  #page(options: ListOptions, token: string, io: CallOptions): Promise<ListResult<T>> {
    const limit = options.limit === undefined || options.limit === 0 ? this.#pageSize : options.limit;
    const { limit: _limit, continue: _continue, ...rest } = options;
    if (token === '') return this.#listPage({ ...rest, ...(limit === 0 ? {} : { limit }) }, io);
    // The token says the version; servers refuse both together.
    const { resourceVersion: _version, resourceVersionMatch: _match, ...others } = rest;
    return this.#listPage({ ...others, ...(limit === 0 ? {} : { limit }), continue: token }, io);
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortReason(signal);
}

/** `size` pages between who reads and who processes, and one more that the reader waits with. */
class PageBuffer<T> {
  readonly #size: number;
  readonly #pages = new Fifo<ListResult<T>>();
  #isEnded = false;
  #isClosed = false;
  #wakeTaker: (() => void) | undefined;
  #wakePutter: (() => void) | undefined;

  constructor(size: number) {
    this.#size = size;
  }

  /** Resolves when the reader may go on. */
  async put(page: ListResult<T>): Promise<void> {
    this.#pages.push(page);
    this.#wakeTaker?.();
    while (!this.#isClosed && this.#pages.length > this.#size) {
      await new Promise<void>((resolve) => {
        this.#wakePutter = resolve;
      });
    }
  }

  /** The next page; undefined after the last. */
  async take(): Promise<ListResult<T> | undefined> {
    while (this.#pages.length === 0 && !this.#isEnded) {
      await new Promise<void>((resolve) => {
        this.#wakeTaker = resolve;
      });
    }
    const page = this.#pages.shift();
    this.#wakePutter?.();
    return page;
  }

  /** No page comes after those that are here. */
  end(): void {
    this.#isEnded = true;
    this.#wakeTaker?.();
  }

  /** Nobody takes any more: who waits to put goes on. */
  close(): void {
    this.#isClosed = true;
    this.#wakePutter?.();
  }
}
