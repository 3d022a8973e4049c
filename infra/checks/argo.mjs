// Checks objects of Argo's kinds, a JSON list on standard input, by the JSON schemas of @kubernetes-models/argo-workflows.
// One line a problem, exit status 1 if there is any. Usage: node infra/checks/argo.mjs FOLDER-OF-NODE-MODULES
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const kinds = resolve(process.argv[2], "@kubernetes-models/argo-workflows/argoproj.io/v1alpha1");
for (const object of JSON.parse(readFileSync(0, "utf-8"))) {
  const { [object.kind]: Kind } = await import(pathToFileURL(`${kinds}/${object.kind}.js`));
  try {
    new Kind(object).validate();
  } catch (error) {
    console.log(`${object.kind} ${object.metadata?.name}: ${error.message.replace(/\s+/g, " ")}`);
    process.exitCode = 1;
  }
}
