// Made from csrc/mcr.h by `./dev abi`; do not edit.

// deno-lint-ignore-file camelcase

export const MCR_DROP_RING_FULL = 0;
export const MCR_DROP_TRUNCATED = 1;
export const MCR_DROP_COPY_LOST = 2;
export const MCR_DROP_IP_VERSION = 3;
export const MCR_DROP_IP_HEADER = 4;
export const MCR_DROP_IP_CHECKSUM = 5;
export const MCR_DROP_IP_LENGTH = 6;
export const MCR_DROP_EXTENSION = 7;
export const MCR_DROP_FRAGMENT = 8;
export const MCR_DROP_NOT_UDP = 9;
export const MCR_DROP_UDP_LENGTH = 10;
export const MCR_DROP_UDP_CHECKSUM = 11;
export const MCR_DROP_PORT_ZERO = 12;
export const MCR_DROP_ESP = 13;
export const MCR_DROP_NO_RULE = 14;
export const MCR_DROP_SOURCE = 15;
export const MCR_DROP_OWN_SOURCE = 16;
export const MCR_DROP_MAX_RATE = 17;
export const MCR_DROP_NO_INTERFACE = 18;
export const MCR_DROP_TTL = 19;
export const MCR_DROP_SOCKET_FULL = 20;
export const MCR_DROP_NO_BUFFER = 21;
export const MCR_DROP_TOO_BIG = 22;
export const MCR_DROP_UNREACHABLE = 23;
export const MCR_DROP_FORBIDDEN = 24;
export const MCR_DROP_SEND_FAILED = 25;
export const MCR_DROP_COUNT = 26;
export const MCR_WORKER_BOOT = 0;
export const MCR_WORKER_RUN = 1;
export const MCR_WORKER_STOPPED = 2;
export const MCR_OUTPUT_TTL_DECREMENT = 1;
export const MCR_OUTPUT_DSCP_COPY = 2;
export const MCR_OUTPUT_ECN_COPY = 4;
export const MCR_OUTPUT_GROUP_MAP = 8;
export const MCR_OUTPUT_PORT_MAP = 16;
export const MCR_OUTPUT_ESP = 32;
export const MCR_OUTPUT_RAW = 64;
export const MCR_MESSAGE_START = 1;
export const MCR_MESSAGE_INPUT = 2;
export const MCR_MESSAGE_INPUT_END = 3;
export const MCR_MESSAGE_OUTPUTS = 4;
export const MCR_MESSAGE_OUTPUTS_END = 5;
export const MCR_MESSAGE_TABLE = 6;
export const MCR_MESSAGE_READY = 7;
export const MCR_MESSAGE_ACKNOWLEDGE = 8;
export const MCR_MESSAGE_FAILED = 9;
export const MCR_DROPS_MAX = 32;
export const MCR_WORKERS_MAX = 64;
export const MCR_INPUTS_MAX = 1024;
export const MCR_RULES_MAX = 65536;
export const MCR_OUTPUTS_MAX = 65536;
export const MCR_WORKER_FILES = 2049;
export const MCR_RULE_OUTPUTS_MAX = 1024;
export const MCR_SUBMISSIONS = 4096;
export const MCR_MESSAGE_FDS_MAX = 253;
export const MCR_SLOT_BYTES = 2048;
export const MCR_SLOTS_MIN = 64;
export const MCR_SLOTS_MAX = 262144;
export const MCR_LATENCY_BUCKETS = 101;
export const MCR_LATENCY_FIRST_LOG2 = 8;
export const MCR_LATENCY_STEPS = 4;
export const MCR_SOURCES_MAX = 65536;
export const MCR_RULE_SOURCES_MAX = 256;
export const MCR_FRAME_HEADER_BYTES = 62;
export const MCR_INTERFACE_ADDRESSES_MAX = 16;
export const MCR_INTERFACE_NAME_BYTES = 16;
export const MCR_NO_VLAN = 4294967295;
export const MCR_CAPTURE_MEMORY_BYTES = 5242880;
export const MCR_ABI_VERSION = 3;
export const MCR_VERSION = "0.1.0";
export const MCR_PROTOCOL_UDP = 17;
export const MCR_PROTOCOL_ESP = 50;
export const MCR_NO_SOCKET = 4294967295;
export const MCR_NO_CORE = 4294967295;
export const MCR_FANOUT_ALONE = 4294967295;
export const MCR_KEEP_ID = 4294967295;
export const MCR_SEGMENTS_MAX = 64;
export const MCR_PAUSE_US_MAX = 100000;
export const MCR_PRIORITY_MAX = 99;
export const MCR_EXCLUSIVE_PRIORITY = 65000;

export const mcr_link = {
  sizeof: 20,
  master: 0,
  has_carrier: 4,
  is_bridge: 8,
  is_snooping: 12,
  has_querier: 16,
} as const;

export const mcr_captured = {
  sizeof: 112,
  time_ns: 0,
  interface: 8,
  link_type: 12,
  frame_bytes: 16,
  captured_bytes: 20,
  packet_offset: 24,
  vlan: 28,
  vlan_protocol: 32,
  version: 36,
  segment_bytes: 40,
  is_vouched: 44,
  is_query: 48,
  reason: 52,
  protocol: 56,
  ttl: 60,
  port: 64,
  source_port: 68,
  payload_bytes: 72,
  group: 76,
  group_count: 16,
  group_stride: 1,
  source: 92,
  source_count: 16,
  source_stride: 1,
} as const;

export const mcr_worker_stats = {
  sizeof: 512,
  abi: 0,
  state: 8,
  heartbeat_ns: 16,
  generation: 24,
  received: 32,
  received_bytes: 40,
  relayed: 48,
  superframes: 56,
  wakeups: 64,
  submissions: 72,
  recovered: 80,
  reserved: 88,
  reserved_count: 21,
  reserved_stride: 8,
  drops: 256,
  drops_count: 32,
  drops_stride: 8,
} as const;

export const mcr_ring_stats = {
  sizeof: 64,
  cursor: 0,
  completed: 8,
  batch_time_ns: 16,
  frames: 24,
  reserved: 32,
  reserved_count: 4,
  reserved_stride: 8,
} as const;

export const mcr_rule_stats = {
  sizeof: 1152,
  received: 0,
  received_bytes: 8,
  relayed: 16,
  last_ns: 24,
  latency: 32,
  latency_count: 101,
  latency_stride: 8,
  latency_sum_ns: 840,
  reserved: 848,
  reserved_count: 6,
  reserved_stride: 8,
  drops: 896,
  drops_count: 32,
  drops_stride: 8,
} as const;

export const mcr_output_stats = {
  sizeof: 320,
  due: 0,
  sent: 8,
  sent_bytes: 16,
  fragmented: 24,
  last_ns: 32,
  reserved: 40,
  reserved_count: 3,
  reserved_stride: 8,
  drops: 64,
  drops_count: 32,
  drops_stride: 8,
} as const;

export const mcr_stats = {
  sizeof: 96535040,
  worker: 0,
  rings: 512,
  rings_count: 1024,
  rings_stride: 64,
  rules: 66048,
  rules_count: 65536,
  rules_stride: 1152,
  outputs: 75563520,
  outputs_count: 65536,
  outputs_stride: 320,
} as const;

export const mcr_rule = {
  sizeof: 80,
  group: 0,
  group_count: 16,
  group_stride: 1,
  group_bits: 16,
  protocol: 20,
  port_first: 24,
  port_last: 28,
  input: 32,
  stats: 36,
  output_first: 40,
  output_count: 44,
  source_first: 48,
  source_count: 52,
  excluded_first: 56,
  excluded_count: 60,
  datagrams_max: 64,
  bits_max: 72,
} as const;

export const mcr_source = {
  sizeof: 24,
  address: 0,
  address_count: 16,
  address_stride: 1,
  bits: 16,
  reserved: 20,
} as const;

export const mcr_sender = {
  sizeof: 24,
  address: 0,
  address_count: 16,
  address_stride: 1,
  port: 16,
  reserved: 20,
} as const;

export const mcr_output = {
  sizeof: 116,
  socket: 0,
  stats: 4,
  segment_max: 8,
  flags: 12,
  group: 16,
  group_count: 16,
  group_stride: 1,
  group_bits: 32,
  port: 36,
  interface: 40,
  traffic_class: 44,
  raw_socket: 48,
  header: 52,
  header_count: 62,
  header_stride: 1,
  header_bytes: 114,
  reserved: 115,
} as const;

export const mcr_rules = {
  sizeof: 32,
  rule_count: 0,
  output_count: 4,
  source_count: 8,
  sender_count: 12,
  datagrams_max: 16,
  bits_max: 24,
} as const;

export const mcr_message = {
  sizeof: 256,
  type: 0,
  index: 4,
  count: 8,
  slot_count: 12,
  core: 16,
  uid: 20,
  gid: 24,
  error: 28,
  coalesce_us: 32,
  busy_poll_us: 36,
  generation: 40,
  segments_max: 48,
  priority: 52,
  text: 56,
  text_count: 200,
  text_stride: 1,
} as const;

export const mcr_interface = {
  sizeof: 288,
  index: 0,
  mtu: 4,
  flags: 8,
  address_count: 12,
  name: 16,
  name_count: 16,
  name_stride: 1,
  addresses: 32,
  addresses_count: 16,
  addresses_stride: 16,
} as const;

export const mcr_peer = {
  sizeof: 16,
  pid: 0,
  uid: 4,
  gid: 8,
  is_member: 12,
} as const;

export const mcr_output_options = {
  sizeof: 72,
  address: 0,
  address_count: 16,
  address_stride: 1,
  source: 16,
  source_count: 16,
  source_stride: 1,
  interface: 32,
  protocol: 36,
  port: 40,
  source_port: 44,
  ttl: 48,
  traffic_class: 52,
  is_connected: 56,
  is_fragmenting: 60,
  send_buffer_bytes: 64,
  reserved: 68,
} as const;

export const symbols = {
  mcr_link_get: { parameters: ["u32", "buffer"], result: "i32" },
  mcr_clock_is_synchronized: { parameters: [], result: "i32" },
  mcr_capture_open: { parameters: ["u32", "buffer", "u32"], result: "i32" },
  mcr_capture_read: { parameters: ["i32", "buffer", "buffer", "buffer", "u32"], result: "i32" },
  mcr_abi_version: { parameters: [], result: "u32" },
  mcr_version: { parameters: [], result: "pointer" },
  mcr_error: { parameters: [], result: "pointer" },
  mcr_error_name: { parameters: ["i32"], result: "pointer" },
  mcr_drop_name: { parameters: ["u32"], result: "pointer" },
  mcr_drop_advice: { parameters: ["u32"], result: "pointer" },
  mcr_close: { parameters: ["i32"], result: "i32" },
  mcr_poll: { parameters: ["buffer", "u32", "u32", "buffer"], result: "i32" },
  mcr_event_open: { parameters: [], result: "i32" },
  mcr_event_signal: { parameters: ["i32"], result: "i32" },
  mcr_event_clear: { parameters: ["i32"], result: "i32" },
  mcr_files_limit_raise: { parameters: [], result: "i32" },
  mcr_capability: { parameters: ["u32"], result: "i32" },
  mcr_cores: { parameters: ["buffer", "u32"], result: "i32" },
  mcr_control_listen: { parameters: ["buffer"], result: "i32" },
  mcr_control_accept: { parameters: ["i32", "u32", "buffer"], result: "i32" },
  mcr_interfaces_list: { parameters: ["buffer", "u32"], result: "i32" },
  mcr_interfaces_watch: { parameters: [], result: "i32" },
  mcr_interfaces_drain: { parameters: ["i32"], result: "i32" },
  mcr_input_open: { parameters: ["u32", "u32", "buffer"], result: "i32" },
  mcr_input_filter: { parameters: ["i32", "u32", "buffer", "u32"], result: "i32" },
  mcr_input_hold: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  mcr_feature_set: { parameters: ["u32", "buffer", "u32"], result: "i32" },
  mcr_feature_get: { parameters: ["u32", "buffer"], result: "i32" },
  mcr_exclusive_open: { parameters: [], result: "i32" },
  mcr_exclusive_set: { parameters: ["i32", "u32", "u32", "buffer", "u32", "buffer", "u32"], result: "i32" },
  mcr_exclusive_end: { parameters: ["i32", "u32"], result: "i32" },
  mcr_exclusive_sweep: { parameters: ["u32"], result: "i32" },
  mcr_output_open: { parameters: ["buffer"], result: "i32" },
  mcr_output_sender: { parameters: ["i32", "buffer"], result: "i32" },
  mcr_output_open_raw: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  mcr_membership_open: { parameters: [], result: "i32" },
  mcr_membership_join: { parameters: ["i32", "u32", "buffer", "buffer"], result: "i32" },
  mcr_membership_leave: { parameters: ["i32", "u32", "buffer", "buffer"], result: "i32" },
  mcr_absorber_open: { parameters: ["u32", "buffer", "u32"], result: "i32" },
  mcr_table_compile: { parameters: ["u64", "buffer", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  mcr_stats_open: { parameters: [], result: "i32" },
  mcr_stats_map: { parameters: ["i32"], result: "pointer" },
  mcr_stats_unmap: { parameters: ["pointer"], result: "i32" },
  mcr_stats_settle: { parameters: ["pointer", "u32", "i32"], result: "i32" },
  mcr_channel_open: { parameters: ["buffer"], result: "i32" },
  mcr_channel_send: { parameters: ["i32", "buffer", "buffer", "u32"], result: "i32" },
  mcr_channel_receive: { parameters: ["i32", "buffer"], result: "i32" },
  mcr_worker_spawn: { parameters: ["buffer", "i32", "buffer"], result: "i32" },
  mcr_worker_kill: { parameters: ["i32", "i32"], result: "i32" },
  mcr_worker_reap: { parameters: ["i32", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;
