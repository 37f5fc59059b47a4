#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { compileCacheDirectory } from './compile-cache.ts';

// Before what is large is loaded. It never fails: without a cache the start takes longer. NODE_COMPILE_CACHE goes first.
const directory = compileCacheDirectory(process.env);
if (directory !== undefined) enableCompileCache(directory);
await import('./command.ts');
