/* What a worker refuses although it has a rule for it: other sources, its own datagrams, what is beyond a rate. */
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "model.h"
#include "relay_world.h"

/* The relay's one rule, and what else its table is made of. */
struct setting {
	struct mcr_rules counts;
	struct mcr_rule rule;
	struct mcr_source source;
	struct mcr_sender sender;
};

static struct setting make_setting(void)
{
	struct setting setting = { .counts = { .rule_count = 1, .output_count = 1 },
				   .rule = { .group_bits = 128,
					     .protocol = MCR_PROTOCOL_UDP,
					     .port_first = RELAY_PORT,
					     .port_last = RELAY_PORT,
					     .output_count = 1 } };

	model_address(setting.rule.group, RELAY_GROUP);
	return setting;
}

/* Starts a worker that forwards by this instead of the relay's own table. */
static bool start(struct relay *relay, const struct setting *setting)
{
	const struct mcr_output output = { .segment_max = 65507 };

	close(relay->table);
	relay->table =
		mcr_table_compile(1, &setting->counts, &setting->rule, &output, &setting->source, &setting->sender);
	return CHECK(relay->table >= 0) && relay_start(relay);
}

/* After the worker's end: all that was received is the rule's, and either relayed or dropped for the one reason. */
static bool rule_counts(const struct relay *relay, uint64_t relayed, enum mcr_drop reason, uint64_t dropped,
			uint32_t length)
{
	const struct mcr_rule_stats *rule = &relay->stats->rules[0];
	const struct mcr_worker_stats *worker = &relay->stats->worker;

	return CHECK(rule->relayed == relayed && worker->relayed == relayed) &&
	       CHECK(rule->drops[reason] == dropped && worker->drops[reason] == dropped) &&
	       CHECK(rule->received == relayed + dropped && worker->received == relayed + dropped) &&
	       CHECK(rule->received_bytes == (relayed + dropped) * length) &&
	       CHECK(worker->received_bytes == rule->received_bytes);
}

static bool refuse_a_storm(void)
{
	struct setting setting = make_setting();
	struct relay relay;

	/* A bucket of 128, and a second for each one more. */
	setting.rule.datagrams_max = 1;
	return relay_open(&relay) && start(&relay, &setting) && relay_send(&relay, 0, 50, 100, true) &&
	       relay_send(&relay, 50, 64, 100, true) && relay_send(&relay, 114, 40, 100, true) &&
	       relay_send(&relay, 114, 30, 100, false) && relay_hears(&relay, 0, 128, 100) &&
	       CHECK(relay_stop(&relay) == 0) && relay_hears_nothing(&relay) &&
	       rule_counts(&relay, 128, MCR_DROP_MAX_RATE, 56, 100);
}

static bool refuse_a_storm_of_all_rules(void)
{
	struct setting setting = make_setting();
	struct relay relay;

	/* 64 KiB, and 125 bytes more each second. */
	setting.counts.bits_max = 1000;
	return relay_open(&relay) && start(&relay, &setting) && relay_send(&relay, 0, 100, 1000, false) &&
	       relay_hears(&relay, 0, 65, 1000) && CHECK(relay_stop(&relay) == 0) && relay_hears_nothing(&relay) &&
	       rule_counts(&relay, 65, MCR_DROP_MAX_RATE, 35, 1000);
}

/* Has the worker take a table with the rule, or an empty one. */
static bool replace_table(struct relay *relay, const struct setting *setting, uint32_t rule_count)
{
	const struct mcr_output output = { .segment_max = 65507 };
	struct mcr_rules counts = setting->counts;

	counts.rule_count = counts.output_count = rule_count;
	close(relay->table);
	relay->table = mcr_table_compile(2, &counts, &setting->rule, &output, NULL, NULL);
	return CHECK(relay->table >= 0) && relay_tell(relay, MCR_MESSAGE_TABLE, &relay->table, 1) &&
	       relay_answers(relay, MCR_MESSAGE_ACKNOWLEDGE);
}

/* Waits until the rule's slot has counted so many. */
static bool rule_has(const struct relay *relay, uint64_t received)
{
	for (uint32_t i = 0; i < 5000 && __atomic_load_n(&relay->stats->rules[0].received, __ATOMIC_RELAXED) < received;
	     i++)
		usleep(1000);
	return CHECK(relay->stats->rules[0].received == received);
}

static bool begin_anew_with_another_rule(void)
{
	struct setting setting = make_setting();
	struct relay relay;

	setting.rule.datagrams_max = 1;
	if (!relay_open(&relay) || !start(&relay, &setting) || !relay_send(&relay, 0, 164, 100, false) ||
	    !rule_has(&relay, 164) || !relay_hears(&relay, 0, 128, 100))
		return false;
	/* The same rule goes on without credit; the next one that has its slot begins with a full bucket. */
	return replace_table(&relay, &setting, 1) && relay_send(&relay, 200, 50, 100, false) &&
	       rule_has(&relay, 214) && replace_table(&relay, &setting, 0) && replace_table(&relay, &setting, 1) &&
	       relay_send(&relay, 300, 164, 100, false) && rule_has(&relay, 378) &&
	       relay_hears(&relay, 300, 128, 100) && CHECK(relay_stop(&relay) == 0) && relay_hears_nothing(&relay) &&
	       CHECK(relay.stats->rules[0].drops[MCR_DROP_MAX_RATE] == 36 + 50 + 36);
}

static void rates_end_with_their_rules(void)
{
	relay_run(begin_anew_with_another_rule);
}

static void rates_cut_a_storm(void)
{
	relay_run(refuse_a_storm);
	relay_run(refuse_a_storm_of_all_rules);
}

static bool name_the_sender(const struct relay *relay, struct mcr_sender *sender)
{
	struct sockaddr_in from;
	socklen_t length = sizeof(from);

	if (!CHECK(getsockname(relay->source, (struct sockaddr *)&from, &length) == 0))
		return false;
	*sender = (struct mcr_sender){ .port = ntohs(from.sin_port) };
	model_address(sender->address, ntohl(from.sin_addr.s_addr));
	return true;
}

static bool refuse_own_datagrams(void)
{
	struct setting setting = make_setting();
	struct relay relay, other;

	if (!relay_open(&relay) || !name_the_sender(&relay, &setting.sender))
		return false;
	setting.counts.sender_count = 1;
	other = relay;
	other.source = relay_open_source(RELAY_PORT);
	return start(&relay, &setting) && relay_send(&relay, 0, 7, 100, false) && relay_send(&relay, 0, 9, 100, true) &&
	       relay_send(&other, 20, 5, 100, false) && relay_hears(&relay, 20, 5, 100) &&
	       CHECK(relay_stop(&relay) == 0) && relay_hears_nothing(&relay) &&
	       rule_counts(&relay, 5, MCR_DROP_OWN_SOURCE, 16, 100);
}

static void own_datagrams_are_not_relayed_again(void)
{
	relay_run(refuse_own_datagrams);
}

static bool refuse_other_sources(bool is_excluded)
{
	struct setting setting = make_setting();
	struct relay relay;

	if (!relay_open(&relay) || !name_the_sender(&relay, &setting.sender))
		return false;
	/* Its address excluded, or another one wanted. */
	setting.counts.source_count = 1;
	memcpy(setting.source.address, setting.sender.address, sizeof(setting.source.address));
	setting.source.address[15] ^= is_excluded ? 0 : 1;
	setting.source.bits = 128;
	*(is_excluded ? &setting.rule.excluded_count : &setting.rule.source_count) = 1;
	return start(&relay, &setting) && relay_send(&relay, 0, 20, 100, false) && CHECK(relay_stop(&relay) == 0) &&
	       relay_hears_nothing(&relay) &&
	       CHECK(relay.stats->worker.drops[MCR_DROP_SOURCE] == 20 && relay.stats->worker.received == 20) &&
	       CHECK(relay.stats->rules[0].received == 0);
}

static bool refuse_all_but_one(void)
{
	return refuse_other_sources(false);
}

static bool refuse_the_excluded(void)
{
	return refuse_other_sources(true);
}

static void sources_are_kept_apart(void)
{
	relay_run(refuse_all_but_one);
	relay_run(refuse_the_excluded);
}

static const uint8_t ipv6_loopback[16] = { [15] = 1 };

static int32_t open_ipv6_source(void)
{
	const struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback,
					 .sin6_port = htons(RELAY_PORT) };
	const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 ? fd : -1;
}

/* To an address of this host, which without the hold would refuse the first, so that the second could not be sent. */
static bool relay_ipv6(void)
{
	struct setting setting = make_setting();
	int32_t hold = mcr_input_hold(MCR_PROTOCOL_UDP, 0, ipv6_loopback, RELAY_PORT);
	struct relay relay;

	memcpy(setting.rule.group, ipv6_loopback, sizeof(setting.rule.group));
	if (!CHECK(hold >= 0) || !relay_open(&relay) ||
	    !CHECK(mcr_input_filter(relay.input, 0, &setting.rule, 1) == 1))
		return false;
	close(relay.source);
	relay.source = open_ipv6_source();
	return CHECK(relay.source >= 0) && start(&relay, &setting) && relay_send(&relay, 0, 20, 600, false) &&
	       relay_send(&relay, 20, 3, 600, true) && relay_send(&relay, 23, 60, 600, true) &&
	       relay_send(&relay, 83, 1, 600, false) && relay_hears(&relay, 0, 84, 600) &&
	       relay_send(&relay, 84, 1, 60000, false) && relay_hears(&relay, 84, 1, 60000) &&
	       CHECK(relay_stop(&relay) == 0) && relay_hears_nothing(&relay) &&
	       CHECK(relay.stats->worker.superframes == 2 && relay.stats->rules[0].relayed == 85);
}

static void ipv6_leaves_as_ipv4_whole_superframes_too(void)
{
	relay_run(relay_ipv6);
}

/* Superframes that are refused count for as many datagrams as they have, behind whatever headers. */
static bool count_refused_superframes(void)
{
	struct setting setting = make_setting();
	const int32_t hold = mcr_input_hold(MCR_PROTOCOL_UDP, 0, ipv6_loopback, RELAY_PORT);
	struct mcr_rule other;
	struct relay relay;

	memcpy(setting.rule.group, ipv6_loopback, sizeof(setting.rule.group));
	other = setting.rule;
	setting.rule.port_first = setting.rule.port_last = RELAY_OTHER_PORT;
	if (!CHECK(hold >= 0) || !relay_open(&relay) || !CHECK(mcr_input_filter(relay.input, 0, &other, 1) == 1))
		return false;
	close(relay.source);
	relay.source = open_ipv6_source();
	return CHECK(relay.source >= 0) && start(&relay, &setting) && relay_send(&relay, 0, 40, 600, true) &&
	       relay_send(&relay, 0, 7, 48, true) && relay_send(&relay, 0, 9, 1, true) &&
	       CHECK(relay_stop(&relay) == 0) &&
	       CHECK(relay.stats->worker.drops[MCR_DROP_NO_RULE] == 56 && relay.stats->worker.received == 56);
}

static void refused_superframes_are_counted_by_datagrams(void)
{
	relay_run(count_refused_superframes);
}

void mcr_worker_match_tests(void)
{
	RUN(ipv6_leaves_as_ipv4_whole_superframes_too);
	RUN(refused_superframes_are_counted_by_datagrams);
	RUN(rates_cut_a_storm);
	RUN(rates_end_with_their_rules);
	RUN(own_datagrams_are_not_relayed_again);
	RUN(sources_are_kept_apart);
}
