/*
 * The floor: no more than the system calls that the question needs, device first.
 *
 * For each PCI function: its group (readlink), driver and class (uevent), its MSIs (one listing) and
 * the chip of the lowest; for each group: type and reserved regions. That is the question of the
 * interrupts. The whole attach also needs, for each function on a VFIO driver, its node and
 * its physical function; and for each that is no virtual function then, how many of these it has.
 * Usage: floor SYS-DIRECTORY [attach]. Prints what it saw, so that nothing is optimised away.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char page[4097];

static int open_dir(int at, const char *path)
{
	return openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int must_open(int at, const char *path)
{
	int fd = open_dir(at, path);

	if (fd < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

/* One attribute into `page`; its length, or -1. */
static long slurp(int at, const char *path)
{
	int fd = openat(at, path, O_RDONLY | O_CLOEXEC);
	long size;

	if (fd < 0)
		return -1;
	size = read(fd, page, sizeof(page) - 1);
	close(fd);
	if (size >= 0)
		page[size] = '\0';
	return size;
}

/* All names of a directory, NUL-separated, malloc'ed; "" ends them. */
static char *list(int fd, size_t *count)
{
	static char buffer[32768];
	size_t room = 1 << 16, used = 0;
	char *names = malloc(room);
	long got;

	*count = 0;
	while ((got = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0) {
		for (long at = 0; at < got;) {
			struct dirent64 *entry = (struct dirent64 *)(buffer + at);
			size_t size = strlen(entry->d_name) + 1;

			at += entry->d_reclen;
			if (entry->d_name[0] == '.')
				continue;
			if (used + size + 1 > room)
				names = realloc(names, room *= 2);
			memcpy(names + used, entry->d_name, size);
			used += size;
			++*count;
		}
	}
	names[used] = '\0';
	return names;
}

static size_t groups_linked, drivers, msis, remapped, translated, regions, vfs, nodes, owners;
static int whole_attach;

/* What only the whole attach needs. `page` holds the function's uevent. */
static void attach(int bus, const char *name)
{
	char path[300], link[512];
	int taken = strncmp(page, "DRIVER=vfio", 11) == 0, fd;
	size_t count;

	if (taken) {
		snprintf(path, sizeof(path), "%s/vfio-dev", name);
		fd = open_dir(bus, path);
		if (fd >= 0) {
			free(list(fd, &count));
			close(fd);
			nodes += count;
		}
		snprintf(path, sizeof(path), "%s/physfn", name);
		if (readlinkat(bus, path, link, sizeof(link)) > 0) {
			owners++;
			return;
		}
	}
	snprintf(path, sizeof(path), "%s/sriov_numvfs", name);
	if (slurp(bus, path) > 0)
		vfs += strtoul(page, NULL, 10);
}

static void device(int bus, int irqs, const char *name)
{
	char path[300], link[512];
	size_t count;
	long lowest = -1;
	int fd;

	snprintf(path, sizeof(path), "%s/iommu_group", name);
	if (readlinkat(bus, path, link, sizeof(link)) > 0)
		groups_linked++;
	snprintf(path, sizeof(path), "%s/uevent", name);
	if (slurp(bus, path) > 0 && strncmp(page, "DRIVER=", 7) == 0)
		drivers++;
	if (whole_attach)
		attach(bus, name);
	snprintf(path, sizeof(path), "%s/msi_irqs", name);
	fd = open_dir(bus, path);
	if (fd < 0)
		return;
	char *names = list(fd, &count);
	close(fd);
	for (char *at = names; *at; at += strlen(at) + 1) {
		long irq = atol(at);

		if (lowest < 0 || irq < lowest)
			lowest = irq;
	}
	free(names);
	msis += count;
	snprintf(path, sizeof(path), "%ld/chip_name", lowest);
	if (lowest >= 0 && slurp(irqs, path) > 3 && strncmp(page, "IR-", 3) == 0)
		remapped++;
}

static void group(int groups, const char *number)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/type", number);
	if (slurp(groups, path) > 3 && strncmp(page, "DMA", 3) == 0)
		translated++;
	snprintf(path, sizeof(path), "%s/reserved_regions", number);
	if (slurp(groups, path) > 0)
		for (char *at = page; (at = strchr(at, '\n')); at++)
			regions++;
}

int main(int argc, char **argv)
{
	size_t devices, numbers;
	int sys, bus, irqs, groups;
	char *names;

	whole_attach = argc == 3 && strcmp(argv[2], "attach") == 0;
	if (argc != 2 + whole_attach) {
		fprintf(stderr, "usage: %s SYS-DIRECTORY [attach]\n", argv[0]);
		return 1;
	}
	sys = must_open(AT_FDCWD, argv[1]);
	bus = must_open(sys, "bus/pci/devices");
	irqs = must_open(sys, "kernel/irq");
	groups = must_open(sys, "kernel/iommu_groups");
	names = list(bus, &devices);
	for (char *at = names; *at; at += strlen(at) + 1)
		device(bus, irqs, at);
	free(names);
	names = list(groups, &numbers);
	for (char *at = names; *at; at += strlen(at) + 1)
		group(groups, at);
	free(names);
	printf("devices %zu linked %zu drivers %zu msis %zu remapped %zu groups %zu translated %zu regions %zu\n",
	       devices, groups_linked, drivers, msis, remapped, numbers, translated, regions);
	if (whole_attach)
		printf("vfs %zu nodes %zu owners %zu\n", vfs, nodes, owners);
	return 0;
}
