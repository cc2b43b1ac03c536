// Goal: the promise of the README about speed. It takes 10 s and both cores, so it stands alone.
import { testRelay } from "./case.ts";
import { checkComplete, send, Sink } from "./traffic.ts";

testRelay("50,000 datagrams a second of 1316 bytes lose nothing in 10 s", {}, async ({ network, supervisor }) => {
  await supervisor.add({ in: "in0", group: "239.1.1.1", port: 5001, outputs: ["239.2.2.2:6000:out0"] });
  await using sink = await Sink.start(network, { group: "239.2.2.2", port: 6000 });

  const sent = await send(network, { group: "239.1.1.1", port: 5001, count: 500_000, rate: 50_000 });

  checkComplete(await sink.received(), sent);
});
