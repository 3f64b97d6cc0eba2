/*
 * attach: bind every PCI endpoint of every IOMMU group to vfio-pci, and every other member to vfio-platform or
 * vfio-amba, then try the real VFIO attach of each group: with allow_unsafe_interrupts as the host booted (-1),
 * with 0 and with 1. One JSON object a line on stdout:
 *
 *   {"kind":"bind",...}   what binding one device answered
 *   {"kind":"group",...}  what one group answered under one setting of the parameter
 *
 * Errnos are numbers. 0 is success; -1 says that the call was not tried, as this kernel has no such path or an
 * earlier call had failed. LAB_KEEP names functions that are left alone: the lab's own way out.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/vfio.h>

/* include/uapi/linux/vfio.h of v6.6 and include/uapi/linux/iommufd.h of v6.2: newer than some C libraries. */
struct bind_iommufd { uint32_t argsz, flags; int32_t iommufd; uint32_t out_devid; };
struct attach_pt { uint32_t argsz, flags, pt_id; };
struct ioas_alloc { uint32_t size, flags, out_ioas_id; };
#define BIND_IOMMUFD _IO(VFIO_TYPE, VFIO_BASE + 18)
#define ATTACH_PT _IO(VFIO_TYPE, VFIO_BASE + 19)
#define IOAS_ALLOC _IO(';', 0x81)

#define GROUPS "/sys/kernel/iommu_groups"
#define PCI "/sys/bus/pci/devices"
#define TYPE1_PARAMETER "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
#define IOMMUFD_PARAMETER "/sys/module/iommufd/parameters/allow_unsafe_interrupts"
#define UNTRIED -1

/* The group path: the calls in the order in which user space makes them. */
struct container { int open, viable, set_container, set_iommu, set_noiommu, get_device, type; };
/* The path by a device's own file. */
struct cdev { int open, bind, ioas, attach; };

/* ---- small helpers; those that return text have a few buffers each, which the next calls reuse ---- */

static char *path(const char *format, const char *a, const char *b)
{
	static char text[8][PATH_MAX];
	static int next;
	char *p = text[next++ & 7];

	snprintf(p, PATH_MAX, format, a, b);
	return p;
}

static char *in_pci(const char *device, const char *attribute)
{
	return path(PCI "/%s/%s", device, attribute);
}

static int write_text(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY), error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		error = errno;
	close(fd);
	return error;
}

/* The first line of a file; empty if it cannot be read. */
static char *read_line(const char *file)
{
	static char text[8][300];
	static int next;
	char *line = text[next++ & 7];
	int fd = open(file, O_RDONLY), n = -1;

	if (fd >= 0) {
		n = read(fd, line, 299);
		close(fd);
	}
	line[n > 0 ? n : 0] = 0;
	line[strcspn(line, "\n")] = 0;
	return line;
}

/* The last component of a link's target; empty if there is no link. */
static char *link_name(const char *file)
{
	static char text[8][PATH_MAX];
	static int next;
	char *target = text[next++ & 7], *slash;
	int n = readlink(file, target, PATH_MAX - 1);

	target[n > 0 ? n : 0] = 0;
	slash = strrchr(target, '/');
	return slash ? slash + 1 : target;
}

static int has_word(const char *words, const char *word)
{
	size_t n = strlen(word);
	const char *p = words;

	while (p && (p = strstr(p, word))) {
		if ((p == words || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return 1;
		p += n;
	}
	return 0;
}

static const char *name_of(int error)
{
	if (error < 0)
		return "-";
	return error ? strerrorname_np(error) ?: "?" : "OK";
}

static int by_number(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	char *after_x, *after_y;
	long i = strtol(x, &after_x, 10), j = strtol(y, &after_y, 10);

	return !*after_x && !*after_y ? (i > j) - (i < j) : strcmp(x, y);
}

/* The names in a directory, sorted. Nothing is freed: the program is short. */
static char **list(const char *directory, int *count)
{
	DIR *d = opendir(directory);
	struct dirent *entry;
	char **names = NULL;

	*count = 0;
	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.') {
			names = realloc(names, (*count + 1) * sizeof *names);
			names[(*count)++] = strdup(entry->d_name);
		}
	if (d)
		closedir(d);
	if (names)
		qsort(names, *count, sizeof *names, by_number);
	return names;
}

/* ---- binding ---- */

static int is_bridge(const char *device)
{
	unsigned char header[64] = {0};
	int fd = open(in_pci(device, "config"), O_RDONLY);

	if (fd >= 0) {
		if (read(fd, header, sizeof header) < 0)
			header[0x0e] = 0;
		close(fd);
	}
	return (header[0x0e] & 0x7f) != 0;
}

/* An IOMMU that is a PCI function: class 0806, or the virtio-iommu. */
static int is_iommu(const char *device)
{
	return !strncmp(read_line(in_pci(device, "class")), "0x0806", 6) ||
	       !strcmp(read_line(in_pci(device, "device")), "0x1057");
}

static int is_bound(const char *device)
{
	return !strcmp(link_name(in_pci(device, "driver")), "vfio-pci") ||
	       !strcmp(link_name(path("/sys/bus/platform/devices/%s/driver%s", device, "")), "vfio-platform") ||
	       !strcmp(link_name(path("/sys/bus/amba/devices/%s/driver%s", device, "")), "vfio-amba") ||
	       *link_name(path("/sys/bus/mdev/devices/%s/driver%s", device, ""));
}

static void rebind(const char *device, const char *bus, const char *driver, const char *group)
{
	char directory[300], was[64];
	int unbind = 0, override, bind;

	snprintf(directory, sizeof directory, "/sys/bus/%s/devices/%s", bus, device);
	snprintf(was, sizeof was, "%s", link_name(path("%s/driver%s", directory, "")));
	override = write_text(path("%s/driver_override%s", directory, ""), driver);
	if (*was)
		unbind = write_text(path("%s/driver/unbind%s", directory, ""), device);
	bind = write_text(path("/sys/bus/%s/drivers/%s/bind", bus, driver), device);
	printf("{\"kind\":\"bind\",\"device\":\"%s\",\"bus\":\"%s\",\"group\":%s,\"was\":\"%s\",\"now\":\"%s\","
	       "\"unbind_errno\":%d,\"override_errno\":%d,\"bind_errno\":%d,\"bind\":\"%s\"}\n",
	       device, bus, *group ? group : "null", was, link_name(path("%s/driver%s", directory, "")), unbind,
	       override, bind, name_of(bind));
	fflush(stdout);
}

static void bind_pci(const char *device)
{
	const char *group = link_name(in_pci(device, "iommu_group")), *skipped = NULL;

	if (atoi(read_line(in_pci(device, "sriov_numvfs"))) > 0)
		skipped = "PF with VFs";	/* in use, as on a real host: its VFs are what guests get */
	else if (is_iommu(device))
		skipped = "the IOMMU itself";
	else if (has_word(getenv("LAB_KEEP"), device))
		skipped = "the lab's way out";
	if (!skipped) {
		rebind(device, "pci", "vfio-pci", group);
		return;
	}
	printf("{\"kind\":\"bind\",\"device\":\"%s\",\"group\":%s,\"skipped\":\"%s\",\"was\":\"%s\",\"bind_errno\":-1}\n",
	       device, *group ? group : "null", skipped, link_name(in_pci(device, "driver")));
}

/* A member that is no PCI function. The console and the lab's way out stay where they are. */
static void bind_other(const char *device, const char *group)
{
	int amba = !access(path("/sys/bus/amba/devices/%s%s", device, ""), F_OK);
	const char *bus = amba ? "amba" : "platform", *driver = amba ? "vfio-amba" : "vfio-platform";

	if (access(path("/sys/bus/%s/devices/%s", bus, device), F_OK) ||
	    access(path("/sys/bus/%s/drivers/%s/bind", bus, driver), F_OK))
		return;
	if (!strcmp(link_name(path("/sys/bus/platform/devices/%s/driver%s", device, "")), "virtio-mmio"))
		return;
	rebind(device, bus, driver, group);
}

/* ---- attaching ---- */

static int first_error(const int *errors, int count)
{
	for (int i = 0; i < count; i++)
		if (errors[i] > 0)
			return errors[i];
	return 0;
}

static struct cdev try_cdev(const char *device)
{
	struct bind_iommufd bind = { .argsz = sizeof bind, .iommufd = -1 };
	struct ioas_alloc ioas = { .size = sizeof ioas };
	struct attach_pt attach = { .argsz = sizeof attach };
	struct cdev answer = { UNTRIED, UNTRIED, UNTRIED, UNTRIED };
	int count, file, iommufd;
	char **names = list(in_pci(device, "vfio-dev"), &count), *node;

	if (count < 1 || access("/dev/iommu", F_OK))
		return answer;
	node = path("/dev/vfio/devices/%s%s", names[0], "");
	if (access(node, F_OK))
		return answer;
	file = open(node, O_RDWR);
	answer.open = file < 0 ? errno : 0;
	iommufd = open("/dev/iommu", O_RDWR);
	if (file >= 0 && iommufd >= 0) {
		bind.iommufd = iommufd;
		answer.bind = ioctl(file, BIND_IOMMUFD, &bind) ? errno : 0;
		answer.ioas = ioctl(iommufd, IOAS_ALLOC, &ioas) ? errno : 0;
		attach.pt_id = ioas.out_ioas_id;
		if (!answer.bind && !answer.ioas)
			answer.attach = ioctl(file, ATTACH_PT, &attach) ? errno : 0;
	}
	if (file >= 0)
		close(file);
	if (iommufd >= 0)
		close(iommufd);
	return answer;
}

/* What the container offers: type1v2, else the sPAPR TCE of POWER, version 2 before 1. */
static int iommu_type(int container)
{
	static const int types[] = { VFIO_TYPE1v2_IOMMU, VFIO_SPAPR_TCE_v2_IOMMU, VFIO_SPAPR_TCE_IOMMU };

	for (int i = 0; i < 3; i++)
		if (ioctl(container, VFIO_CHECK_EXTENSION, types[i]) > 0)
			return types[i];
	return VFIO_TYPE1v2_IOMMU;
}

/* node: /dev/vfio/vfio, or /dev/iommu standing in for it. */
static struct container try_container(const char *node, const char *group, char **devices, int count)
{
	struct vfio_group_status status = { .argsz = sizeof status };
	struct container answer = { 0, UNTRIED, UNTRIED, UNTRIED, UNTRIED, UNTRIED, VFIO_TYPE1v2_IOMMU };
	char *noiommu = path("/dev/vfio/noiommu-%s%s", group, ""), *file = path("/dev/vfio/%s%s", group, "");
	int container = open(node, O_RDWR), fd;

	if (access(file, F_OK) && !access(noiommu, F_OK))
		file = noiommu;
	fd = container < 0 ? -1 : open(file, O_RDWR);
	answer.open = fd < 0 ? errno : 0;
	if (fd >= 0) {
		if (!ioctl(fd, VFIO_GROUP_GET_STATUS, &status))
			answer.viable = !!(status.flags & VFIO_GROUP_FLAGS_VIABLE);
		answer.set_container = ioctl(fd, VFIO_GROUP_SET_CONTAINER, &container) ? errno : 0;
		answer.type = iommu_type(container);
		if (!answer.set_container)
			answer.set_iommu = ioctl(container, VFIO_SET_IOMMU, answer.type) ? errno : 0;
		if (!answer.set_container && answer.set_iommu && file == noiommu)
			answer.set_noiommu = ioctl(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU) ? errno : 0;
		for (int i = 0; i < count && (!answer.set_iommu || !answer.set_noiommu) && answer.get_device <= 0; i++)
			if (is_bound(devices[i]) && !getenv("LAB_NO_DEVICE")) {
				int device = ioctl(fd, VFIO_GROUP_GET_DEVICE_FD, devices[i]);

				answer.get_device = device < 0 ? errno : 0;
				if (device >= 0)
					close(device);
			}
		close(fd);
	}
	if (container >= 0)
		close(container);
	return answer;
}

/* Prints the cdevs of a group and returns the first errno, or UNTRIED if none has a cdev. */
static int print_cdevs(char **devices, int count)
{
	int worst = UNTRIED;

	for (int i = 0; i < count; i++) {
		struct cdev c = { UNTRIED, UNTRIED, UNTRIED, UNTRIED };

		if (is_bound(devices[i]))
			c = try_cdev(devices[i]);
		if (c.open == UNTRIED)
			continue;
		printf("%s{\"device\":\"%s\",\"open_errno\":%d,\"bind_errno\":%d,\"ioas_errno\":%d,\"attach_errno\":%d}",
		       worst == UNTRIED ? "" : ",", devices[i], c.open, c.bind, c.ioas, c.attach);
		if (worst <= 0)
			worst = first_error((int[]){ c.open, c.bind, c.ioas, c.attach }, 4);
	}
	return worst;
}

static void try_group(const char *group, char **devices, int count, int unsafe)
{
	struct container own = try_container("/dev/vfio/vfio", group, devices, count);
	struct container compat = try_container("/dev/iommu", group, devices, count);
	int bound = 0, endpoints = 0, type1 = UNTRIED, iommufd;

	for (int i = 0; i < count; i++) {
		endpoints += !is_bridge(devices[i]);
		bound += is_bound(devices[i]);
	}
	if (bound)
		type1 = first_error((int[]){ own.open, own.set_container, own.set_iommu, own.get_device }, 4);
	printf("{\"kind\":\"group\",\"group\":%s,\"unsafe\":%d,\"type1_parm\":\"%s\",\"iommufd_parm\":\"%s\",\"type\":\"%s\","
	       "\"name\":\"%s\",\"devices\":[", group, unsafe, read_line(TYPE1_PARAMETER), read_line(IOMMUFD_PARAMETER),
	       read_line(path(GROUPS "/%s/type%s", group, "")), read_line(path(GROUPS "/%s/name%s", group, "")));
	for (int i = 0; i < count; i++)
		printf("%s\"%s\"", i ? "," : "", devices[i]);
	printf("],\"set_iommu_noiommu\":%d,\"vfio_type\":%d,\"endpoints\":%d,\"bound\":%d,\"viable\":%d,\"open_errno\":%d,"
	       "\"set_container_errno\":%d,\"set_iommu_errno\":%d,\"get_device_errno\":%d,\"type1\":\"%s\","
	       "\"compat_set_container_errno\":%d,\"compat_set_iommu_errno\":%d,\"compat_get_device_errno\":%d,\"cdev\":[",
	       own.set_noiommu, own.type, endpoints, bound, own.viable, own.open, own.set_container, own.set_iommu,
	       own.get_device, name_of(type1), compat.set_container, compat.set_iommu, compat.get_device);
	iommufd = print_cdevs(devices, count);
	printf("],\"iommufd\":\"%s\"}\n", name_of(iommufd));
	fflush(stdout);
}

int main(void)
{
	int groups, count;
	char was_type1[8], was_iommufd[8], **devices = list(PCI, &count), **names;

	for (int i = 0; i < count; i++)
		if (!is_bridge(devices[i]))
			bind_pci(devices[i]);
	names = list(GROUPS, &groups);
	for (int i = 0; i < groups; i++) {
		devices = list(path(GROUPS "/%s/devices%s", names[i], ""), &count);
		for (int j = 0; j < count; j++)
			if (access(path(PCI "/%s%s", devices[j], ""), F_OK))
				bind_other(devices[j], names[i]);
	}
	names = list(GROUPS, &groups);	/* no-IOMMU groups come with the binding */
	snprintf(was_type1, sizeof was_type1, "%s", read_line(TYPE1_PARAMETER));
	snprintf(was_iommufd, sizeof was_iommufd, "%s", read_line(IOMMUFD_PARAMETER));
	for (int unsafe = -1; unsafe < 2; unsafe++) {
		if (unsafe >= 0) {
			write_text(TYPE1_PARAMETER, unsafe ? "1" : "0");
			write_text(IOMMUFD_PARAMETER, unsafe ? "1" : "0");
		}
		for (int i = 0; i < groups; i++) {
			devices = list(path(GROUPS "/%s/devices%s", names[i], ""), &count);
			try_group(names[i], devices, count, unsafe);
		}
	}
	write_text(TYPE1_PARAMETER, *was_type1 ? was_type1 : "0");
	write_text(IOMMUFD_PARAMETER, *was_iommufd ? was_iommufd : "0");
	return 0;
}
