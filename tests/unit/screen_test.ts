import { deepStrictEqual, equal } from "node:assert/strict";
import { Mailbox } from "../../control/mailbox.ts";
import { type Line, parseKeys, Screen } from "../../control/screen.ts";

const SIZE = { columns: 10, rows: 3 };
const plain = (text: string): Line => [{ text, style: "plain" }];

Deno.test("Screen draws all, then only the lines that have changed", () => {
  const screen = new Screen(true);
  equal(screen.draw([plain("a"), plain("b")], SIZE), "\x1b[2J\x1b[1;1Ha\x1b[K\x1b[2;1Hb\x1b[K");
  equal(screen.draw([plain("a"), plain("c")], SIZE), "\x1b[2;1Hc\x1b[K");
  equal(screen.draw([plain("a"), plain("c")], SIZE), "");
});

Deno.test("Screen draws all again on a terminal of another size, and after it was taken over again", () => {
  const screen = new Screen(true);
  screen.draw([plain("a")], SIZE);
  equal(screen.draw([plain("a")], { columns: 11, rows: 3 }), "\x1b[2J\x1b[1;1Ha\x1b[K");
  screen.enter();
  equal(screen.draw([plain("a")], { columns: 11, rows: 3 }), "\x1b[1;1Ha\x1b[K");
});

Deno.test("Screen does not clear behind a full line: the cursor still stands on its last character", () => {
  equal(new Screen(true).draw([plain("0123456789")], SIZE), "\x1b[2J\x1b[1;1H0123456789");
});

Deno.test("Screen has drops stand out without colour too", () => {
  const line: Line = [{ text: "5", style: "alarm" }, { text: "6", style: "accent" }];
  equal(new Screen(true).draw([line], SIZE), "\x1b[2J\x1b[1;1H\x1b[1;31m5\x1b[0m\x1b[36m6\x1b[0m\x1b[K");
  equal(new Screen(false).draw([line], SIZE), "\x1b[2J\x1b[1;1H\x1b[1m5\x1b[0m6\x1b[K");
});

Deno.test("parseKeys() names what is no character and leaves out what it does not know", () => {
  deepStrictEqual(parseKeys("q\x1b[A\x1bOB/ü\r\x7f\x03"), [
    "q",
    "up",
    "down",
    "/",
    "ü",
    "enter",
    "backspace",
    "ctrl-c",
  ]);
  deepStrictEqual(parseKeys("\x1b"), ["escape"]);
  deepStrictEqual(parseKeys("\x1b[5~\x1b[6~\x1b[1~\x1b[F"), ["pageup", "pagedown", "home", "end"]);
  deepStrictEqual(parseKeys("\x1b[200~\x1b[<0;1;1M\x1bOP\x00\x1a"), []);
});

Deno.test("Mailbox gives out what comes, in order, and waits", async () => {
  using mailbox = new Mailbox<number>();
  mailbox.add(1);
  mailbox.add(2);
  deepStrictEqual([await mailbox.next(), await mailbox.next()], [1, 2]);
  const waiting = mailbox.next();
  mailbox.add(3);
  equal(await waiting, 3);
  mailbox[Symbol.dispose]();
  equal(mailbox.isClosed, true);
});
