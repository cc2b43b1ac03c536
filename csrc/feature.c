/* feature.c - features of network devices, by ethtool's interface. See mcr_feature_set() in mcr.h. */
#include "base.h"
#include "mcr.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel keeps features in one or two 64-bit words (netdev_features_t). */
#define FEATURES_MAX 128u

/* Linux asks any socket; a device is known by its name there. */
struct device {
	int fd;
	struct ifreq query;
};

/* The kernel's structures end in an array without a size: each with room for the largest answer. */
union count_query {
	struct ethtool_sset_info head;
	uint8_t room[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
};

union names_query {
	struct ethtool_gstrings head;
	uint8_t room[sizeof(struct ethtool_gstrings) + FEATURES_MAX * ETH_GSTRING_LEN];
};

union features_query {
	struct ethtool_gfeatures head;
	uint8_t room[sizeof(struct ethtool_gfeatures) + FEATURES_MAX / 32 * sizeof(struct ethtool_get_features_block)];
};

union features_wish {
	struct ethtool_sfeatures head;
	uint8_t room[sizeof(struct ethtool_sfeatures) + FEATURES_MAX / 32 * sizeof(struct ethtool_set_features_block)];
};

/* Return: 0 or -errno; what SIOCETHTOOL returns beside is not needed. */
static int ask(struct device *device, void *command)
{
	device->query.ifr_data = command;
	return ioctl(device->fd, SIOCETHTOOL, &device->query) < 0 ? -errno : 0;
}

/* Return: how many features this kernel knows; -errno. */
static int features_count(struct device *device)
{
	union count_query query = { .head = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_FEATURES } };
	const int error = ask(device, &query);

	if (error < 0)
		return error;
	return query.head.sset_mask == 0 || query.head.data[0] > FEATURES_MAX ? -EOPNOTSUPP : (int)query.head.data[0];
}

/* Return: the feature's number; -ENOENT; -errno. */
static int feature_find(struct device *device, const char *feature)
{
	union names_query query = { .head = { .cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_FEATURES } };
	const int count = features_count(device);
	int error;

	if (count < 0)
		return count;
	query.head.len = (uint32_t)count;
	error = ask(device, &query);
	if (error < 0)
		return error;
	for (int i = 0; i < count; i++) {
		if (strncmp((const char *)query.head.data + i * ETH_GSTRING_LEN, feature, ETH_GSTRING_LEN) == 0)
			return i;
	}
	return -ENOENT;
}

/* Return: 0 with the block that has the feature's bit; -errno. */
static int features_read(struct device *device, uint32_t number, struct ethtool_get_features_block *block)
{
	union features_query query = { .head = { .cmd = ETHTOOL_GFEATURES, .size = FEATURES_MAX / 32 } };
	const int error = ask(device, &query);

	if (error < 0)
		return error;
	*block = query.head.features[number / 32];
	return 0;
}

static int feature_write(struct device *device, uint32_t number, uint32_t is_on)
{
	const uint32_t bit = 1u << number % 32;
	const int count = features_count(device);
	union features_wish wish;

	if (count < 0)
		return count;
	memset(&wish, 0, sizeof(wish));
	wish.head.cmd = ETHTOOL_SFEATURES;
	/* The kernel refuses any other number of blocks than its own. */
	wish.head.size = ((uint32_t)count + 31) / 32;
	wish.head.features[number / 32].valid = bit;
	wish.head.features[number / 32].requested = is_on ? bit : 0;
	return ask(device, &wish);
}

/* Return: 1 on, 0 off, -errno. */
static int feature_read(struct device *device, const char *feature)
{
	struct ethtool_get_features_block block;
	const int number = feature_find(device, feature);
	int error;

	if (number < 0)
		return number;
	error = features_read(device, (uint32_t)number, &block);
	return error < 0 ? error : (int)(block.active >> (uint32_t)number % 32 & 1u);
}

/* Return: 1 switched, 0 as it was, -errno. */
static int feature_switch(struct device *device, const char *feature, uint32_t is_on)
{
	struct ethtool_get_features_block block;
	const int number = feature_find(device, feature);
	int error;

	if (number < 0)
		return number;
	error = features_read(device, (uint32_t)number, &block);
	if (error < 0)
		return error;
	if ((block.active >> (uint32_t)number % 32 & 1u) == (is_on != 0))
		return 0;
	if (!(block.available >> (uint32_t)number % 32 & 1u))
		return -EOPNOTSUPP;
	error = feature_write(device, (uint32_t)number, is_on);
	if (error < 0)
		return error;
	/* What the driver does not grant, the kernel keeps as a wish. */
	error = feature_read(device, feature);
	if (error < 0)
		return error;
	return error == (is_on != 0) ? 1 : -EOPNOTSUPP;
}

static const char *errno_text(int error)
{
	switch (error) {
	case ENOENT:
		return "this kernel has no such feature";
	case EOPNOTSUPP:
		return "the driver keeps it as it is";
	case EPERM:
		return "needs CAP_NET_ADMIN";
	default:
		return strerror(error);
	}
}

/* Return: 0, or -errno with mcr_error(). */
static int32_t device_open(struct device *device, uint32_t interface)
{
	memset(device, 0, sizeof(*device));
	if (!if_indextoname(interface, device->query.ifr_name))
		return mcr_fail(ENODEV, "Cannot ask for features of interface %u: it is gone", interface);
	device->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (device->fd >= 0)
		return 0;
	return mcr_fail(errno, "Cannot ask for features of \"%s\": %s", device->query.ifr_name, strerror(errno));
}

int32_t mcr_feature_set(uint32_t interface, const char *feature, uint32_t is_on)
{
	struct device device;
	int32_t result = device_open(&device, interface);

	if (result < 0)
		return result;
	result = feature_switch(&device, feature, is_on);
	close(device.fd);
	if (result >= 0)
		return result;
	return mcr_fail(-result, "Cannot switch %s %s \"%s\": %s", feature, is_on ? "on for" : "off for",
			device.query.ifr_name, errno_text(-result));
}

int32_t mcr_feature_get(uint32_t interface, const char *feature)
{
	struct device device;
	int32_t result = device_open(&device, interface);

	if (result < 0)
		return result;
	result = feature_read(&device, feature);
	close(device.fd);
	if (result >= 0)
		return result;
	return mcr_fail(-result, "Cannot ask for %s of \"%s\": %s", feature, device.query.ifr_name,
			errno_text(-result));
}
