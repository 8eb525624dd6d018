'use strict';
// Usage: node code-cache.cjs DIST/NAME.cjs
// Writes the code cache that NAME.cjs looks for. Functions are compiled ahead, not at first call;
// the flag is put back first because V8 refuses a cache made under other flags.

const { renameSync, writeFileSync } = require('node:fs');
const { resolve } = require('node:path');
const { setFlagsFromString } = require('node:v8');

const { cacheFile, compile } = require(resolve(process.argv[2]));
setFlagsFromString('--no-lazy');
const script = compile(undefined);
setFlagsFromString('--lazy');
writeFileSync(`${cacheFile}.new`, script.createCachedData());
renameSync(`${cacheFile}.new`, cacheFile);
