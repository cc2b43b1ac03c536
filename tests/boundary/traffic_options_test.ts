// Goal: a command line of `mcr gen` or `mcr sink` that makes no sense is refused with what was expected, and the exit
// status that scripts rely on, before anything is sent or joined.
import { deepStrictEqual, match } from "node:assert/strict";
import { nativeProgram } from "../../ffi/library.ts";
import { run } from "../e2e/process.ts";

const LOOPBACK = "--interface lo";
const GEN = `${LOOPBACK} --group 239.1.1.1 --port 5000`;
const GEN6 = `${LOOPBACK} --group ff3e::1 --port 5000`;
const ESP = `${LOOPBACK} --group 239.1.1.1 --protocol esp`;

/** A command line, the exit status, and what is said. */
type Refusal = readonly [string, 1 | 2, RegExp];

const GEN_REFUSALS: readonly Refusal[] = [
  [`${LOOPBACK} --group 239.1.1 --port 1`, 2, /--group "239\.1\.1": expected an IPv4 or IPv6 address/],
  [`${LOOPBACK} --group :: --port 1`, 2, /--group "::": expected an IPv4 or IPv6 address/],
  [`${LOOPBACK} --group ::ffff:239.1.1.1 --port 1`, 2, /--group "::ffff:239\.1\.1\.1": expected/],
  [`${LOOPBACK} --group 239.1.1.1`, 2, /--port is missing/],
  [`--interface none0 --group 239.1.1.1 --port 1`, 1, /"none0": no interface has this name or address/],
  [`${GEN} --port 0`, 2, /--port "0": expected a whole number from 1 to 65535/],
  [`${GEN} --source 239.1.1.1`, 2, /--source "239\.1\.1\.1": expected the IPv4 or IPv6 address of a host/],
  [`${GEN} --source fd00::1`, 2, /--source and --group of different IP versions/],
  [`${GEN} --ttl 256`, 2, /--ttl "256": expected a whole number from 0 to 255/],
  [`${GEN} --dscp 64`, 2, /--dscp "64": expected a whole number from 0 to 63/],
  [`${GEN} --ecn 4`, 2, /--ecn "4": expected a whole number from 0 to 3/],
  [`${GEN} --vlan 4095`, 2, /--vlan "4095": expected a VLAN ID from 0 to 4094/],
  [`${GEN} --vlan 1.2.3`, 2, /--vlan "1\.2\.3": expected a VLAN ID/],
  [`${GEN} --vlan 1.`, 2, /--vlan "1\.": expected a VLAN ID/],
  [`${GEN} --vlan 00000000001`, 2, /--vlan "00000000001": expected a VLAN ID/],
  [`${GEN} --fragment 100`, 2, /--fragment "100": expected a multiple of 8/],
  [`${GEN} --fragment 0`, 2, /--fragment "0": expected a multiple of 8/],
  [`${GEN} --fragment 65528`, 1, /fragments of 65528 bytes on "lo": its MTU of 65536 leaves/],
  [`${GEN} --fragment-order random`, 2, /--fragment-order "random": expected forward or reverse/],
  [`${GEN} --to-mac 02:00:00:00:00`, 2, /--to-mac "02:00:00:00:00": expected six bytes/],
  [`${GEN} --to-mac 02:00:00:00:00:0g`, 2, /--to-mac .*: expected six bytes/],
  [`${GEN} --to-mac 02:00:00:00:00:00:00`, 2, /--to-mac .*: expected six bytes/],
  [`${GEN} --corrupt checksum`, 2, /--corrupt "checksum": expected one of udp-checksum .* fragment-overlap/],
  [`${GEN} --corrupt-every 0 --corrupt port-0`, 2, /--corrupt-every "0": expected a whole number from 1/],
  [`${GEN} --corrupt-every 2`, 2, /--corrupt-every without --corrupt/],
  [`${GEN} --corrupt udp-no-checksum`, 2, /--corrupt udp-no-checksum with IPv4/],
  [`${GEN6} --corrupt ip-checksum`, 2, /--corrupt ip-checksum with IPv6/],
  [`${GEN} --corrupt esp-short`, 2, /--corrupt esp-short with --protocol udp/],
  [`${ESP} --corrupt udp-checksum`, 2, /--corrupt udp-checksum with --protocol esp/],
  [`${GEN} --corrupt ip-length --size 1000 --fragment 800`, 1, /ip-length for datagrams of several fragments.*792/],
  [`${GEN} --corrupt fragment-missing --size 1000`, 1, /fragment-missing for datagrams in one piece.*below 1008/],
  [`${GEN} --corrupt udp-checksum --no-checksum`, 2, /--corrupt udp-checksum with --no-checksum/],
  [`${GEN6} --no-checksum`, 2, /--no-checksum with IPv6/],
  [`${GEN} --ip-options --size 65500`, 1, /--ip-options for datagrams of 65500 bytes: expected --size 65499 or less/],
  [`${GEN} --size 39`, 2, /Cannot send 39 bytes: a number and a time take 40, only with --payload TEXT it may be less/],
  [`${GEN} --size 0 --payload x`, 2, /--size "0": expected N, .*with sizes from 40 \(with --payload: 1\) to 65507/],
  [`${GEN} --payload x --corrupt udp-checksum`, 2, /--corrupt with --payload: nobody could tell/],
  [`${GEN} --protocol tcp`, 2, /--protocol "tcp": expected udp or esp/],
  [`${GEN} --spi 5`, 2, /--spi without --protocol esp/],
  [`${ESP} --spi 0`, 2, /--spi "0": expected a whole number from 1 to 4294967295/],
  [`${ESP} --port 5000`, 2, /ports with --protocol esp/],
  [`${ESP} --source-port 5000`, 2, /ports with --protocol esp/],
  [`${ESP} --flows-by port`, 2, /ports with --protocol esp/],
  [`${ESP} --no-checksum`, 2, /--no-checksum with --protocol esp/],
  [`${GEN} --vlan 5 --gso on`, 2, /--gso on for whole frames/],
  [`${GEN} --group 239.255.255.255 --flows 2`, 2, /2 flows by group: the last would leave the range/],
  [`${GEN} --group ff3e::ffff:ffff:ffff:ffff --flows 2`, 2, /2 flows by group: the last would leave the range/],
];

const SINK = `${LOOPBACK} --group 239.1.1.1 --port 5000`;

const SINK_REFUSALS: readonly Refusal[] = [
  [`${LOOPBACK} --group ff3e --port 1`, 2, /--group "ff3e": expected an IPv4 or IPv6 address/],
  [`${SINK} --group 239.1.1.1`, 2, /--group "239\.1\.1\.1": expected each address once/],
  [`${SINK} --from 239.1.1.1`, 2, /--from "239\.1\.1\.1": expected the IPv4 or IPv6 address of a host/],
  [`${SINK} --from 10.0.0.1 --from 10.0.0.1`, 2, /--from "10\.0\.0\.1": expected each address once/],
  [`${SINK} --from fd00::1`, 2, /--from and --group of different IP versions/],
  [`${SINK} --group 127.0.0.1 --from 10.0.0.1`, 2, /--from with 127\.0\.0\.1: it is no group to join/],
  [`${SINK} --group ff3e::1 --counters`, 2, /--counters with groups of both IP versions/],
  [`${SINK} --protocol esp`, 2, /ports with --protocol esp/],
  [`${LOOPBACK} --group 239.1.1.1`, 2, /--port is missing/],
  [`${SINK} --group ff3e::2 --group ff3e::3 --flows 2`, 2, /ranges of 2 groups that overlap/],
];

for (const [tool, refusals] of Object.entries({ gen: GEN_REFUSALS, sink: SINK_REFUSALS })) {
  Deno.test(`mcr ${tool} refuses command lines that make no sense, with what was expected`, async () => {
    for (const [line, status, message] of refusals) {
      const { code, stdout, stderr } = await run([nativeProgram, tool, ...line.split(" ")]);
      deepStrictEqual({ line, code, stdout }, { line, code: status, stdout: "" });
      match(stderr, message, line);
    }
  });
}

Deno.test("mcr gen --help names each way to break a datagram", async () => {
  const { stdout } = await run([nativeProgram, "gen", "--help"]);
  const source = await Deno.readTextFile(new URL("../../csrc/frame.h", import.meta.url));
  const words = [...source.matchAll(/^\tX\([A-Z0-9_]+, "([a-z0-9-]+)"/gm)].map(([, word]) => word!);
  deepStrictEqual(words.length > 10, true);
  const named = /--corrupt KIND(.*?)--corrupt-every/s.exec(stdout)![1]!.match(/[a-z]+(?:-[a-z0-9]+)+/g);
  deepStrictEqual(named, words);
});
