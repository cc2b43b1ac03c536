/**
 * Configuration files of either kind: ours in YAML and, by the ending `.json5`, those of the reference implementation.
 *
 * @module
 */
import type { Config } from "../config.ts";
import { ConfigError } from "../config_text.ts";

/** Reads and checks a file; `note` is told what of a file of theirs has no equal. Throws a `ConfigError`. */
export async function readConfigFile(file: string, note: (text: string) => void): Promise<Config> {
  if (!isTheirs(file)) {
    const { readConfig } = await import("../yaml/file.ts");
    return (await readConfig(file)).config;
  }
  const { readJson5Config } = await import("../compat/json5_file.ts");
  const { config, notes, problems } = await readJson5Config(file);
  if (problems.length > 0) throw new ConfigError(file, problems);
  for (const text of notes) note(`${file}: ${text}`);
  return config;
}

/** Makes a file say the rules of a configuration, in one step. */
export async function saveConfigFile(file: string, config: Config): Promise<void> {
  if (isTheirs(file)) {
    const { saveJson5Rules } = await import("../compat/json5_file.ts");
    await saveJson5Rules(file, config);
  } else {
    const { saveRules } = await import("../yaml/save.ts");
    await saveRules(file, config.rules);
  }
}

/** Whether a file of this name is one of the reference implementation. */
export function isTheirs(file: string): boolean {
  return file.toLowerCase().endsWith(".json5");
}
