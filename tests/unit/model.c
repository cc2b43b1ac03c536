/* model.c - see model.h. */
#include "model.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define UDP_HEADER_BYTES 8u

struct model_random model_random_from(uint64_t seed)
{
	return (struct model_random){ .seed = seed, .state = seed };
}

uint64_t model_random_next(struct model_random *random)
{
	random->drawn++;
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return random->state;
}

uint32_t model_random_below(struct model_random *random, uint32_t limit)
{
	return (uint32_t)((model_random_next(random) >> 32) % limit);
}

bool model_random_failed(const struct model_random *random)
{
	fprintf(stderr, "with seed %#llx, after %llu numbers\n", (unsigned long long)random->seed,
		(unsigned long long)random->drawn);
	return false;
}

static void write_be16(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static void write_be32(uint8_t *to, uint32_t value)
{
	write_be16(to, value >> 16);
	write_be16(to + 2, value);
}

static uint32_t word_at(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 8 | bytes[1];
}

void model_address(uint8_t *address, uint32_t ipv4)
{
	memset(address, 0, 10);
	address[10] = address[11] = 0xff;
	write_be32(address + 12, ipv4);
}

uint16_t model_checksum(const uint8_t *bytes, size_t length, uint32_t sum)
{
	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* The sum over the pseudo header of RFC 768. */
static uint32_t pseudo_sum(const uint8_t *packet, uint32_t udp_length)
{
	return word_at(packet + 12) + word_at(packet + 14) + word_at(packet + 16) + word_at(packet + 18) + 17 +
	       udp_length;
}

void model_packet_seal_header(uint8_t *packet)
{
	const uint32_t header_length = (packet[0] & 15u) * 4;

	write_be16(packet + 10, 0);
	write_be16(packet + 10, model_checksum(packet, header_length, 0));
}

uint32_t model_packet_write(const struct model_packet *packet, uint8_t *to)
{
	const uint32_t header_length = 20 + packet->option_bytes;
	const uint32_t udp_length = UDP_HEADER_BYTES + packet->payload_length;
	uint8_t *udp = to + header_length;
	uint16_t checksum;

	memset(to, 0, header_length + UDP_HEADER_BYTES);
	to[0] = (uint8_t)(0x40 | header_length / 4);
	write_be16(to + 2, header_length + udp_length);
	to[8] = 1;
	to[9] = 17;
	write_be32(to + 12, packet->source);
	write_be32(to + 16, packet->group);
	/* "No operation", as many as there is room for. */
	memset(to + 20, 1, packet->option_bytes);
	model_packet_seal_header(to);

	write_be16(udp, 40000);
	write_be16(udp + 2, packet->port);
	write_be16(udp + 4, udp_length);
	if (packet->payload_length)
		memcpy(udp + UDP_HEADER_BYTES, packet->payload, packet->payload_length);
	checksum = model_checksum(udp, udp_length, pseudo_sum(to, udp_length));
	write_be16(udp + 6, checksum ? checksum : 0xffff);
	return header_length + udp_length;
}

bool model_packet_is_sound(const uint8_t *packet, uint32_t length)
{
	uint32_t header_length, total_length, udp_length;

	if (length < 20 || packet[0] >> 4 != 4 || (packet[0] & 15) < 5)
		return false;
	header_length = (packet[0] & 15u) * 4;
	total_length = word_at(packet + 2);
	if (length < total_length || total_length < header_length + UDP_HEADER_BYTES)
		return false;
	if (model_checksum(packet, header_length, 0) != 0 || packet[9] != 17)
		return false;
	if (word_at(packet + 6) & 0x3fff)
		return false;
	udp_length = word_at(packet + header_length + 4);
	if (udp_length != total_length - header_length)
		return false;
	return word_at(packet + header_length + 6) == 0 ||
	       model_checksum(packet + header_length, udp_length, pseudo_sum(packet, udp_length)) == 0;
}

uint8_t *model_cliff(size_t size)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (size + page - 1) / page * page;
	uint8_t *memory = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	mprotect(memory + bytes, page, PROT_NONE);
	return memory + bytes;
}

uint32_t model_fd_count(void)
{
	DIR *directory = opendir("/proc/self/fd");
	uint32_t count = 0;

	if (!directory)
		return 0;
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}
