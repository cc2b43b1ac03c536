/* What a host answers to a datagram that nobody waits for, and no more once that is held. */
#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mcr.h"
#include "model.h"
#include "relay_world.h"

#define PORT 5000u
#define ANSWER_MS 1000

static const uint8_t ipv6_loopback[16] = { [15] = 1 };

/* A socket that sends to the loopback's address, and hears of what comes back. */
static int open_sender(bool is_ipv6)
{
	const struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback,
					   .sin6_port = htons(PORT) };
	const struct sockaddr_in ipv4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
					  .sin_port = htons(PORT) };
	const int fd = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, is_ipv6 ? (const void *)&ipv6 : (const void *)&ipv4,
			       is_ipv6 ? sizeof(ipv6) : sizeof(ipv4)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* The loopback answers before the send returns. */
static bool is_refused(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLERR };
	int error = 0;
	socklen_t length = sizeof(error);

	CHECK(send(fd, "x", 1, 0) == 1);
	return poll(&wait, 1, 0) == 1 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 &&
	       error == ECONNREFUSED;
}

static bool hold_ports(void)
{
	uint8_t ipv4_loopback[16];
	const int sender = open_sender(false), sender6 = open_sender(true);
	int32_t fd;

	model_address(ipv4_loopback, INADDR_LOOPBACK);
	if (!CHECK(sender >= 0 && sender6 >= 0) || !CHECK(is_refused(sender) && is_refused(sender6)))
		return false;
	fd = mcr_input_hold(MCR_PROTOCOL_UDP, 0, ipv4_loopback, PORT);
	if (!CHECK(fd >= 0) || !CHECK(!is_refused(sender) && is_refused(sender6)))
		return false;
	/* Deaf, and in nobody's way but that of its own kind. */
	CHECK(recv(fd, &(uint8_t){ 0 }, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	CHECK(mcr_input_hold(MCR_PROTOCOL_UDP, 0, ipv4_loopback, PORT) == -EADDRINUSE);
	close(fd);
	fd = mcr_input_hold(MCR_PROTOCOL_UDP, 0, ipv6_loopback, PORT);
	if (!CHECK(fd >= 0) || !CHECK(is_refused(sender) && !is_refused(sender6)))
		return false;
	close(fd);
	return CHECK(is_refused(sender) && is_refused(sender6));
}

static void held_port_is_not_refused(void)
{
	relay_run(hold_ports);
}

/* The answer to a protocol that nobody waits for comes as ICMP, "protocol unreachable". */
static bool esp_is_refused(int listener, int sender)
{
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct model_packet packet = { .source = INADDR_LOOPBACK, .group = INADDR_LOOPBACK, .port = PORT };
	uint8_t bytes[256];
	uint32_t length = model_packet_write(&packet, bytes);
	ssize_t answer;

	bytes[9] = MCR_PROTOCOL_ESP;
	model_packet_seal_header(bytes);
	CHECK(sendto(sender, bytes, length, 0, (const struct sockaddr *)&to, sizeof(to)) == (ssize_t)length);
	answer = recv(listener, bytes, sizeof(bytes), MSG_DONTWAIT);
	return answer > 22 && bytes[20] == 3 && bytes[21] == 2;
}

static bool hold_esp(void)
{
	const int listener = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	/* Of no protocol: the packets that it sends are whole, and it hears none. */
	const int sender = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	uint8_t ipv4_loopback[16];
	int32_t fd;

	model_address(ipv4_loopback, INADDR_LOOPBACK);
	if (!CHECK(listener >= 0 && sender >= 0) || !CHECK(esp_is_refused(listener, sender)))
		return false;
	fd = mcr_input_hold(MCR_PROTOCOL_ESP, 0, ipv4_loopback, 0);
	return CHECK(fd >= 0) && CHECK(!esp_is_refused(listener, sender));
}

static void held_protocol_is_not_refused(void)
{
	relay_run(hold_esp);
}

static void what_cannot_be_held_is_refused(void)
{
	uint8_t address[16];

	model_address(address, INADDR_LOOPBACK);
	CHECK(mcr_input_hold(MCR_PROTOCOL_UDP, 0, address, 0) == -EINVAL);
	CHECK(mcr_input_hold(MCR_PROTOCOL_UDP, 0, address, 65536) == -EINVAL);
	CHECK(mcr_input_hold(MCR_PROTOCOL_ESP, 0, address, 1) == -EINVAL);
	CHECK(mcr_input_hold(6, 0, address, 1) == -EINVAL);
	model_address(address, 0xc0000201);
	CHECK(mcr_input_hold(MCR_PROTOCOL_UDP, 0, address, PORT) == -EADDRNOTAVAIL);
	CHECK(strstr(mcr_error(), "port 5000 of 192.0.2.1") != NULL);
}

void mcr_hold_tests(void)
{
	RUN(held_port_is_not_refused);
	RUN(held_protocol_is_not_refused);
	RUN(what_cannot_be_held_is_refused);
}
