// Compile one Aqua file: `node compile.mjs <index.js of @fluencelabs/aqua-api>`, the request as JSON
// on stdin, the answer as JSON on stdout.
import { pathToFileURL } from "node:url";
import { readFileSync } from "node:fs";

const request = JSON.parse(readFileSync(0, "utf8"));
const { compileFromPath } = await import(pathToFileURL(process.argv[2]).href);
// What the compiler prints is no part of the answer.
console.log = console.info = console.error;
const compiled = await compileFromPath({
  filePath: request.path,
  imports: request.imports,
  constants: request.constants,
  targetType: "air",
  logLevel: "off",
  noEmptyResponse: false,
});
const functions = {};
for (const [name, { script, funcDef }] of Object.entries(compiled.functions)) {
  functions[name] = { script, definition: funcDef };
}
const answer = { errors: compiled.errors, warnings: compiled.warnings, functions };
// Keys of the compiler's own objects carry the names of its classes before two underscores.
const text = JSON.stringify(answer, (_, value) =>
  value && typeof value === "object" && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.replace(/^L\w+?__f_/, ""), inner]))
    : value,
);
process.stdout.write(text);
