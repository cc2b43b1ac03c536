/*
 * drop.h - why a datagram was not relayed: a closed list. A part of mcr.h, which includes it.
 */
#ifndef MCR_DROP_H
#define MCR_DROP_H

/*
 * X(name, text, advice). The first half is counted where a datagram is received, the second, from NO_INTERFACE on,
 * at an output. The order is the ABI.
 */
#define MCR_DROPS(X)                                                                                                  \
	X(RING_FULL, "ring_full", "the worker fell behind: more --ring-slots, more --workers, or a quieter core")     \
	X(TRUNCATED, "truncated", "frames end before their headers do: look at the sender or a tunnel on the way")    \
	X(COPY_LOST, "copy_lost", "large frames found no room: raise net.core.rmem_max, or run with CAP_NET_ADMIN")   \
	X(IP_VERSION, "ip_version", "neither version 4 nor 6 where an IP header should be: look at the sender")       \
	X(IP_HEADER, "ip_header", "the IP header is malformed: look at the sender")                                   \
	X(IP_CHECKSUM, "ip_checksum", "the IPv4 header checksum is wrong: look at the sender, cabling and NIC")       \
	X(IP_LENGTH, "ip_length", "the length in the IP header and the frame disagree: look at the sender")           \
	X(EXTENSION, "extension", "an IPv6 extension header is malformed or unknown: look at the sender")             \
	X(FRAGMENT, "fragment", "fragments that could not be put together again: look for loss before the relay")     \
	X(NOT_UDP, "not_udp", "neither UDP nor ESP: nothing else is relayed")                                         \
	X(UDP_LENGTH, "udp_length", "the UDP and IP lengths disagree: look at the sender")                            \
	X(UDP_CHECKSUM, "udp_checksum", "the UDP checksum is wrong: the payload was changed on the way")              \
	X(PORT_ZERO, "port_zero", "the destination port is 0, which no datagram may have: look at the sender")        \
	X(ESP, "esp", "ESP without SPI and sequence number, or with an SPI of 0: look at the sender")                 \
	X(NO_RULE, "no_rule", "no rule for this group and port: normal for a moment after a rule was removed")        \
	X(SOURCE, "source", "from a source that no rule for this group and port takes: compare its sources")          \
	X(OWN_SOURCE, "own_source", "sent by this relay itself: look for a loop behind the outputs")                  \
	X(MAX_RATE, "max_rate", "beyond the rate that the rule or the relay allows: a storm, or the limit is low")    \
	X(NO_INTERFACE, "no_interface", "the output waits for its interface: mcr list shows which")                   \
	X(TTL, "ttl", "the time to live was used up before this output: raise that of the sender")                    \
	X(SOCKET_FULL, "socket_full", "the output's send buffer is full: the interface is slower than the stream")    \
	X(NO_BUFFER, "no_buffer", "the output device's queue is full: raise txqueuelen or lower the rate")            \
	X(TOO_BIG, "too_big", "larger than the output can carry: raise its MTU")                                      \
	X(UNREACHABLE, "unreachable", "the output interface is down or has no way to the group: ip link, ip route")   \
	X(FORBIDDEN, "forbidden", "the kernel forbids the send: look at the firewall's output rules")                 \
	X(SEND_FAILED, "send_failed", "the kernel refused the send for another reason: see the log of the kernel")

#define MCR_DROP_ENUM(name, text, advice) MCR_DROP_##name,
enum mcr_drop { MCR_DROPS(MCR_DROP_ENUM) MCR_DROP_COUNT };
#undef MCR_DROP_ENUM

/* Room for reasons to come without moving what lies behind them in the statistics. */
#define MCR_DROPS_MAX 32u

#endif
