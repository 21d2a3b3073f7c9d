// Khronos' validator on the .glb files named; prints one JSON report per line.
import { readFileSync } from "node:fs";
import { validateBytes } from "gltf-validator";

for (const path of process.argv.slice(2)) {
  const report = await validateBytes(new Uint8Array(readFileSync(path)));
  console.log(JSON.stringify({ path, issues: report.issues, info: report.info }));
}
