// Evaluates expressions, a JSON list of {"expression", "variables"} on standard input; prints a JSON list of the results.
// CEL, in which IAM's conditions are written. Argo's retries and `when` keep to what CEL and Argo's own languages, expr and
// govaluate, share: ==, !=, &&, ||, in, fields, calls; the functions that CEL lacks are given here.
// Usage: node infra/checks/expressions.mjs FOLDER-OF-NODE-MODULES
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const { Environment } = await import(
  pathToFileURL(resolve(process.argv[2], "@marcbachmann/cel-js/lib/index.js"))
);

class Request {
  constructor(attributes) {
    this.attributes = attributes;
  }
}

const environment = new Environment({ unlistedVariablesAreDyn: true })
  .registerType("Request", Request)
  .registerVariable("api", "Request")
  .registerFunction("Request.getAttribute(string, string): string", (api, name, other) => api.attributes[name] ?? other)
  .registerFunction("asInt(string): int", (text) => BigInt(text))
  .registerFunction("indexOf(string, string): int", (text, part) => BigInt(text.indexOf(part)));

const results = JSON.parse(readFileSync(0, "utf-8")).map(({ expression, variables }) => {
  const { api, ...rest } = variables;
  return environment.evaluate(expression, { api: new Request(api ?? {}), ...rest });
});
console.log(JSON.stringify(results));
