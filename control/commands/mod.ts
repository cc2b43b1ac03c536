/**
 * All commands, in the order in which the help lists them.
 *
 * @module
 */
import type { Command } from "../command.ts";
import { makeMcrctl } from "../compat/mcrctl.ts";
import { makeMcrd, makeMcrgen } from "../compat/mcrd.ts";
import { add } from "./add.ts";
import { complete, makeCompletions } from "./completions.ts";
import { config } from "./config.ts";
import { doctor } from "./doctor.ts";
import { events } from "./events.ts";
import { makeHelp } from "./help.ts";
import { interfaces } from "./interfaces.ts";
import { list } from "./list.ts";
import { logLevel } from "./log_level.ts";
import { gen, sink } from "./native.ts";
import { ping } from "./ping.ts";
import { remove } from "./remove.ts";
import { run } from "./run.ts";
import { show } from "./show.ts";
import { stats } from "./stats.ts";
import { top } from "./top.ts";
import { trace } from "./trace.ts";
import { version } from "./version.ts";
import { workers } from "./workers.ts";

const OTHERS: readonly Command[] = [
  run,
  add,
  remove,
  list,
  show,
  stats,
  top,
  workers,
  interfaces,
  config,
  events,
  trace,
  doctor,
  logLevel,
  ping,
  gen,
  sink,
  version,
  makeCompletions(() => COMMANDS),
];

/** The commands of `mcr`. */
export const COMMANDS: readonly Command[] = [...OTHERS, makeHelp(OTHERS, () => HIDDEN)];

/** Commands that shells ask, and names under which mcr takes other command lines: in no list of commands. */
export const HIDDEN: readonly Command[] = [
  complete,
  makeMcrd(COMMANDS),
  makeMcrctl(COMMANDS),
  makeMcrgen(COMMANDS),
];
