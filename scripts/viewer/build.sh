#!/usr/bin/env bash
# Makes carv3d/export/viewer/viewer.js, which save/view.html runs, from viewer.js beside this file and the libraries
# that package-lock.json names; and the libraries' licences beside it. Needs Node 18 or later, and npm's registry.
set -euo pipefail
cd "$(dirname "$0")"
npm ci --ignore-scripts --no-audit --no-fund
out=../../carv3d/export/viewer
mkdir -p "$out"
licences=$(for name in three @mkkellogg/gaussian-splats-3d; do
  printf '\n==== %s %s ====\n\n' "$name" "$(node -p "require('./node_modules/$name/package.json').version")"
  cat "node_modules/$name/LICENSE"
done)
made_of=$(cat viewer.js package-lock.json | sha256sum | cut -d" " -f1)
node_modules/.bin/esbuild viewer.js --bundle --minify --format=iife --target=es2022 --charset=ascii \
  --legal-comments=none --banner:js="/*! Made of scripts/viewer/viewer.js and package-lock.json, sha256 of both in a row:
$made_of

Of carv3d (Apache-2.0) and these libraries:
$licences */" --outfile="$out/viewer.js"
if grep -qi '</script' "$out/viewer.js"; then  # which would end the script in the page that holds it
  echo "build.sh: </script within the bundle" >&2
  exit 1
fi
printf 'viewer.js holds these libraries, minified; scripts/viewer/build.sh makes it.\n%s\n' "$licences" > "$out/LICENSES.txt"
wc -c "$out/viewer.js"
