// Throws a SyntaxError where the TypeScript on standard input is none.
import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { SourceTextModule } from "node:vm";

new SourceTextModule(stripTypeScriptTypes(readFileSync(0, "utf8")));
