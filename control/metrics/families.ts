/**
 * What is exported: each family once, with what its samples are made of elsewhere.
 *
 * @module
 */
import type { Family } from "./exposition.ts";

const LIST = [
  { name: "mcr_build", type: "info", help: "Version of the relay, and of its boundary to the data plane." },
  { name: "process_start_time_seconds", type: "gauge", unit: "seconds", help: "When the supervisor was started." },
  { name: "mcr_rules", type: "gauge", help: "Rules by state; a pending one waits for an interface." },
  { name: "mcr_drops", type: "counter", help: "Datagrams that were not relayed, or not sent, by reason." },
  { name: "mcr_rule_active", type: "gauge", help: "1 if all interfaces of the rule are there, else 0." },
  { name: "mcr_rule_datagrams", type: "counter", help: "Datagrams received." },
  { name: "mcr_rule_bytes", type: "counter", unit: "bytes", help: "Payload received." },
  { name: "mcr_rule_relayed_datagrams", type: "counter", help: "Datagrams that were handed to the outputs." },
  { name: "mcr_rule_drops", type: "counter", help: "Datagrams received and not relayed, by reason." },
  {
    name: "mcr_rule_last_seen_timestamp_seconds",
    type: "gauge",
    unit: "seconds",
    help: "When the newest datagram was received.",
  },
  {
    name: "mcr_rule_latency_seconds",
    type: "histogram",
    unit: "seconds",
    help: "From the kernel's receive timestamp to the end of the send.",
  },
  { name: "mcr_output_due_datagrams", type: "counter", help: "Datagrams that were to be sent." },
  { name: "mcr_output_datagrams", type: "counter", help: "Datagrams sent." },
  { name: "mcr_output_bytes", type: "counter", unit: "bytes", help: "Payload sent." },
  { name: "mcr_output_drops", type: "counter", help: "Datagrams due and not sent, by reason." },
  { name: "mcr_worker_up", type: "gauge", help: "1 if the worker relays, else 0." },
  { name: "mcr_worker_restarts", type: "counter", help: "How often the worker was started again after a death." },
  { name: "mcr_worker_datagrams", type: "counter", help: "Datagrams received." },
  { name: "mcr_worker_bytes", type: "counter", unit: "bytes", help: "Payload received." },
  { name: "mcr_worker_relayed_datagrams", type: "counter", help: "Datagrams that were handed to the outputs." },
  {
    name: "mcr_worker_drops",
    type: "counter",
    help: "Datagrams not relayed, by reason; ring_full are those that the kernel found no room for.",
  },
  { name: "mcr_worker_superframes", type: "counter", help: "Frames in which the kernel had put several datagrams." },
  { name: "mcr_worker_wakeups", type: "counter", help: "How often the worker has slept and been woken." },
  { name: "mcr_worker_generation", type: "gauge", help: "Number of the route table that the worker relays by." },
  { name: "mcr_interface_up", type: "gauge", help: "1 if the interface is up, else 0." },
  { name: "mcr_interface_mtu_bytes", type: "gauge", unit: "bytes", help: "Maximum transmission unit." },
  { name: "mcr_interface_joined_groups", type: "gauge", help: "Groups that the relay has joined on the interface." },
] as const satisfies readonly Family[];

/** The name of a family. */
export type FamilyName = typeof LIST[number]["name"];

/** All families, in the order in which they are exported. */
export const FAMILIES: readonly (Family & { readonly name: FamilyName })[] = LIST;
