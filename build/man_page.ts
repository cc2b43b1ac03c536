/**
 * Man pages, made from what the commands say of themselves.
 *
 * @module
 */
import { type Command, JSON_OPTION, type Option, SOCKET_OPTION, spellings } from "../control/command.ts";
import { allOf } from "../control/command_tree.ts";
import { SYSTEM_CONFIG } from "../control/config.ts";
import { VERSION } from "../control/version.ts";

/** One page: `mcr-add`, section 1. */
export interface ManPage {
  readonly name: string;
  readonly section: number;
  /** Its source, for troff with the man macros. */
  readonly text: string;
}

const STATUSES: readonly (readonly [status: string, meaning: string])[] = [
  ["0", "done"],
  ["1", "refused by the supervisor, or failed"],
  ["2", "wrong use: an unknown command or option, or a value that cannot be"],
  ["3", "no supervisor listens on the control socket"],
];

const SURROUNDINGS: readonly (readonly [name: string, meaning: string])[] = [
  ["MCR_SOCKET", "the control socket, where no option names one"],
  ["XDG_RUNTIME_DIR", "where the control socket of a user is who may not write in /run/mcr"],
  ["MCR_RUNTIME", "with the value cache, the parts of the executable are unpacked into the user's cache and run there"],
];

/** `mcr(1)` and a page for each command. */
export function manPages(commands: readonly Command[]): ManPage[] {
  return [mainPage(commands), ...allOf(commands).map(commandPage)];
}

function mainPage(commands: readonly Command[]): ManPage {
  return page("mcr", [
    section("NAME", `mcr \\- relay UDP multicast between interfaces`),
    section("SYNOPSIS", bold("mcr COMMAND [OPTION...]")),
    section(
      "EXAMPLES",
      examples(`mcr run
mcr add --in eth0 --group 239.1.1.1 --port 5001 --out 239.2.2.2:6000:eth1
mcr stats`),
    ),
    section(
      "DESCRIPTION",
      paragraphs(
        `mcr takes UDP multicast from an interface at layer 2, also what the kernel would not forward, and sends
its payload again to any number of groups, ports and interfaces. A supervisor, started with "mcr run", is told what to
relay over a socket; one worker process a core relays. Data goes to standard output, messages to standard error.`,
      ),
    ),
    section("COMMANDS", commandList(commands)),
    section(
      "OPTIONS",
      "These are options of every command that asks the supervisor.\n" + options([
        SOCKET_OPTION,
        JSON_OPTION,
      ]),
    ),
    section("EXIT STATUS", definitions(STATUSES)),
    section("ENVIRONMENT", definitions(SURROUNDINGS)),
    section(
      "FILES",
      definitions([
        ["/run/mcr/mcr.sock", "the control socket of the machine's supervisor"],
        [SYSTEM_CONFIG, "its configuration, if it has one: see mcr.yaml(5)"],
      ]),
    ),
    section("SEE ALSO", references(commands) + reference("mcr.yaml", "", 5)),
  ]);
}

function commandPage(command: Command): ManPage {
  const { name, summary, details, usage, example, subcommands, aliases = [] } = command;
  const title = pageName(command);
  const aka = aliases.map((alias) => `mcr ${name.replace(/\S+$/, alias)}`);
  const texts = [details, aka.length > 0 ? `Also called ${aka.join(", ")}.` : undefined].filter((one) => one);
  const above = name.includes(" ") ? `mcr-${name.replace(/ \S+$/, "").replaceAll(" ", "-")}` : "mcr";
  return page(title, [
    section("NAME", `${escape(title)} \\- ${escape(summary[0]!.toLowerCase() + summary.slice(1))}`),
    section("SYNOPSIS", bold(usage)),
    section("EXAMPLES", examples(example)),
    ...texts.length > 0 ? [section("DESCRIPTION", paragraphs(texts.join("\n\n")))] : [],
    ...subcommands === undefined ? [] : [section("COMMANDS", commandList(subcommands))],
    ...command.options.length > 0 ? [section("OPTIONS", options(command.options))] : [],
    section("EXIT STATUS", "As in\n.BR mcr (1).\n"),
    section("SEE ALSO", seeAlso(name, above)),
  ]);
}

/** Commands that take a configuration file. */
const WITH_CONFIG = /^(run|config)\b/;

function seeAlso(name: string, above: string): string {
  return WITH_CONFIG.test(name) ? reference(above, ",") + reference("mcr.yaml", "", 5) : reference(above);
}

/** A page of these sections. */
export function page(name: string, sections: readonly string[], number = 1): ManPage {
  const title = `.TH ${escape(name.toUpperCase())} ${number} "" "mcr ${VERSION}" "mcr"\n`;
  // Not stretched and not hyphenated: usages and options have few places where a line can be broken.
  return { name, section: number, text: `.\\" Made by "./dev man".\n${title}.ad l\n.nh\n${sections.join("")}` };
}

function pageName({ name }: Command): string {
  return `mcr-${name.replaceAll(" ", "-")}`;
}

/** A section of a page. */
export function section(title: string, body: string): string {
  return `.SH ${title}\n${body.trimEnd()}\n`;
}

function bold(text: string): string {
  return `\\fB${escape(text)}\\fR\n`;
}

/** Lines as they are. */
export function examples(text: string): string {
  return `.nf\n${text.split("\n").map(line).join("\n")}\n.fi\n`;
}

/** Lines that are indented stay as they are, others are filled. */
export function paragraphs(text: string): string {
  return text.split("\n\n").map((paragraph) => {
    const parts = paragraph.split(/\n(?= )|(?<=\n .*)\n(?! )/);
    return parts.map((part) => part.startsWith(" ") ? `.nf\n${line(part)}\n.fi` : part.split("\n").map(line).join("\n"))
      .join("\n").replaceAll(".fi\n.nf\n", "");
  }).join("\n.PP\n") + "\n";
}

function options(all: readonly Option[]): string {
  return all.map((option) => {
    const names = spellings(option).map((name) => `\\fB${escape(name)}\\fR`).join(", ");
    const value = option.value === undefined ? "" : ` \\fI${escape(option.value)}\\fR`;
    return `.TP\n${names}${value}\n${line(sentence(option.help))}\n`;
  }).join("");
}

/** Words, each with its meaning below. */
export function definitions(all: readonly (readonly [title: string, text: string])[]): string {
  return all.map(([title, text]) => `.TP\n.B ${escape(title)}\n${line(sentence(text))}\n`).join("");
}

function commandList(commands: readonly Command[]): string {
  return commands.map((command) => `.TP\n${reference(pageName(command))}${line(sentence(command.summary))}\n`).join("");
}

function references(commands: readonly Command[]): string {
  const names = commands.map(pageName);
  return names.map((name) => reference(name, ",")).join("");
}

/** A line that names another page. */
export function reference(name: string, end = "", number = 1): string {
  return `.BR ${escape(name)} (${number})${end}\n`;
}

/** A text as a sentence. */
export function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`;
}

/** A line of text: one that begins as a request does is none. */
export function line(text: string): string {
  return escape(text).replace(/^(?=[.'])/, "\\&");
}

/** A text of which every character comes out as it is. */
export function escape(text: string): string {
  const named: Readonly<Record<string, string>> = { "\\": "\\e", "-": "\\-", "~": "\\(ti", "^": "\\(ha", "`": "\\(ga" };
  return text.replaceAll(/[\\~^`-]/g, (character) => named[character]!).replaceAll("'", "\\(aq");
}
