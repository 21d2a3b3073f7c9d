// PlayCanvas' splat-transform on the splat files named; prints one line each: read {name of a column: [N]}.
import { readFileSync } from "node:fs";
import { MemoryReadFileSystem, getInputFormat, readFile } from "@playcanvas/splat-transform";

for (const filename of process.argv.slice(2)) {
  const fileSystem = new MemoryReadFileSystem();
  fileSystem.set(filename, new Uint8Array(readFileSync(filename)));
  const [table] = await readFile({ filename, inputFormat: getInputFormat(filename), options: {}, params: [], fileSystem });
  const columns = Object.fromEntries(table.columns.map(({ name, data }) => [name, Array.from(data)]));
  console.log(`read ${JSON.stringify(columns)}`);
}
