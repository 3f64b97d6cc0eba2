/*
 * capture: a tar of the host-introspection tree of this very boot, on stdout: real directories, real symlinks,
 * attribute files read whole (up to CAP). argv[1]: a directory whose content is put at the tar's root as well.
 * Files that cannot be read (errno) are listed in CAPTURE/unreadable; write-only attributes are empty files with
 * their real mode; rom, resourceN and vpd are left out; class trees below devices (net, block, usb, sound) show
 * their directory names only.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CAP (1 << 20)
static char bad[1 << 18], *fwnode[4000];
static int nbad, nfw;

static void put(const void *p, size_t n)
{
	fwrite(p, 1, n, stdout);
}

static void pad(size_t n)
{
	static char z[512];

	if (n % 512)
		put(z, 512 - n % 512);
}

static void header(const char *name, int mode, char type, size_t size, const char *link)
{
	char h[512] = {0};
	unsigned sum = 0, i;

	if (type != 'L' && type != 'K') {
		if (strlen(name) > 99) {
			header("././@LongLink", 0644, 'L', strlen(name) + 1, NULL);
			put(name, strlen(name) + 1);
			pad(strlen(name) + 1);
		}
		if (link && strlen(link) > 99) {
			header("././@LongLink", 0644, 'K', strlen(link) + 1, NULL);
			put(link, strlen(link) + 1);
			pad(strlen(link) + 1);
		}
	}
	strncpy(h, name, 99);
	snprintf(h + 100, 8, "%07o", mode & 07777);
	memcpy(h + 108, "0000000", 8);
	memcpy(h + 116, "0000000", 8);
	snprintf(h + 124, 12, "%011lo", (long)size);
	memcpy(h + 136, "00000000000", 12);
	memset(h + 148, ' ', 8);
	h[156] = type;
	if (link)
		strncpy(h + 157, link, 99);
	memcpy(h + 257, "ustar  ", 8);
	for (i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	put(h, 512);
}

static void file(const char *src, const char *name, int mode)
{
	static char b[CAP];
	int fd = -1, e = 0, n = 0, r;

	if (mode & 0444) {
		fd = open(src, O_RDONLY | O_NONBLOCK);
		if (fd < 0)
			e = errno;
		while (fd >= 0 && n < CAP && (r = read(fd, b + n, CAP - n)) != 0) {
			if (r < 0) {
				e = errno;
				break;
			}
			n += r;
		}
		if (fd >= 0)
			close(fd);
		if (e) {
			nbad += snprintf(bad + nbad, sizeof bad - nbad - 1, "%s %d\n", name, e);
			if (nbad > (int)sizeof bad - 5000)
				nbad = sizeof bad - 5000;
			if (!n)
				return;
		}
	}
	header(name, mode, '0', n, NULL);
	put(b, n);
	pad(n);
}

static int digits(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == 0;
}

static int has(const char *list, const char *w)
{
	size_t n = strlen(w);
	const char *p = list;

	while ((p = strstr(p, w))) {
		if ((p == list || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return 1;
		p += n;
	}
	return 0;
}

static int skipped(const char *w)
{
	return has("rom vpd autoprobe_fault", w) || (!strncmp(w, "resource", 8) && w[8] >= '0' && w[8] <= '9');
}

static int deep(const char *w)		/* directories below a device whose content is wanted */
{
	return has("soc power msi_irqs iommu link vfio-dev intel-iommu amd-iommu devices reserved", w) ||
	       (strlen(w) >= 12 && w[4] == ':' && w[7] == ':') || !strncmp(w, "pci0", 4) || !strncmp(w, "pci1", 4) ||
	       (!strncmp(w, "virtio", 6) && digits(w + 6)) || !strncmp(w, "vfio", 4) || !strncmp(w, "QEMU", 4) || !strncmp(w, "smmu3", 5) ||
	       (strlen(w) > 4 && !strcmp(w + strlen(w) - 4, ".pci")) || (strlen(w) > 5 && !strcmp(w + strlen(w) - 5, ".pcie")) || (strlen(w) > 6 && !strcmp(w + strlen(w) - 6, ".iommu")) || !strncmp(w, "RSCV", 4);
}

/* how: 0 everything below; 1 device rules; 2 files of this directory only; 3 names of this directory only */
static void walk(const char *src, int how, int depth)
{
	struct stat st;
	struct dirent **v;
	char p[PATH_MAX], l[PATH_MAX], real[PATH_MAX];
	const char *name = src + 1, *base;
	int i, n;

	if (lstat(src, &st) || depth > 20)
		return;
	base = strrchr(src, '/') + 1;
	if (S_ISLNK(st.st_mode)) {
		n = readlink(src, l, sizeof l - 1);
		l[n > 0 ? n : 0] = 0;
		header(name, 0777, '2', 0, l);
		if (!strcmp(base, "firmware_node") && nfw < 4000 && realpath(src, real))
			fwnode[nfw++] = strdup(real);
		return;
	}
	if (!S_ISDIR(st.st_mode)) {
		if (S_ISREG(st.st_mode) && !skipped(base))
			file(src, name, st.st_mode);
		return;
	}
	snprintf(p, sizeof p, "%s/", name);
	header(p, st.st_mode, '5', 0, NULL);
	n = scandir(src, &v, NULL, alphasort);
	for (i = 0; i < n; i++) {
		const char *w = v[i]->d_name;
		struct stat s;

		if (!strcmp(w, ".") || !strcmp(w, ".."))
			goto next;
		snprintf(p, sizeof p, "%s/%s", src, w);
		if (lstat(p, &s))
			goto next;
		if (S_ISDIR(s.st_mode)) {
			if (how == 0)
				walk(p, 0, depth + 1);
			else if (how == 1 && has("iommu vfio-dev", w))	/* ivhd0/amd-iommu, smmu3.0x...; vfio0 */
				walk(p, 0, depth + 1);
			else if (how == 1 && (depth == 0 || deep(w)))
				walk(p, 1, depth + 1);
			else if (how == 1 && has("net nvme block", w))
				walk(p, 3, depth + 1);
			else {
				strcat(p, "/");
				header(p + 1, s.st_mode, '5', 0, NULL);
			}
		} else if (how != 3) {
			walk(p, how, depth + 1);
		}
next:
		free(v[i]);
	}
	if (n >= 0)
		free(v);
}

static void each(const char *dir, const char *prefix, const char *sub, int how, int depth)
{
	struct dirent **v;
	char p[PATH_MAX];
	int i, n = scandir(dir, &v, NULL, alphasort);

	for (i = 0; i < n; i++)
		if (v[i]->d_name[0] != '.' && !strncmp(v[i]->d_name, prefix, strlen(prefix))) {
			snprintf(p, sizeof p, "%s/%s%s", dir, v[i]->d_name, sub);
			walk(p, how, depth);
		}
}

int main(int argc, char **argv)
{
	static const char *mods[] = { "vfio", "iommufd", "kvm", "intel_iommu", "amd_iommu", "irqbypass", "arm_smmu", "iommu", "virtio_iommu", "pci", "nvme", "intremap", "dmar", "apic" };
	static const char *proc[] = { "cmdline", "interrupts", "version", "modules", "iomem", "ioports", "cpuinfo", "devices", "filesystems", "sys/kernel/osrelease", "sys/kernel/arch", "sys/kernel/tainted", "sys/kernel/dmesg_restrict" };
	char p[PATH_MAX];
	unsigned i;
	int k, j;

	walk("/sys/kernel/iommu_groups", 0, 0);
	walk("/sys/class/iommu", 0, 0);
	walk("/sys/class/vfio", 0, 0);
	walk("/sys/class/vfio-dev", 0, 0);
	walk("/sys/class/dmi", 0, 0);
	walk("/sys/bus/pci/devices", 0, 0);
	walk("/sys/bus/pci/drivers", 0, 0);
	walk("/sys/bus/pci/slots", 0, 0);
	walk("/sys/bus/platform/devices", 0, 0);
	each("/sys/devices", "pci", "", 1, 1);
	walk("/sys/devices/platform", 1, 0);
	walk("/sys/devices/virtual/iommu", 0, 0);
	walk("/sys/devices/virtual/vfio", 0, 0);
	walk("/sys/devices/virtual/dmi", 0, 0);
	walk("/sys/devices/virtual/mtty", 0, 0);
	walk("/sys/bus/mdev/devices", 0, 0);
	walk("/sys/devices/system/cpu", 2, 0);
	walk("/sys/kernel/irq", 0, 0);
	walk("/sys/firmware/acpi/tables", 0, 0);
	walk("/sys/firmware/devicetree/base", 0, 0);
	walk("/sys/kernel/debug/irq", 0, 0);
	walk("/sys/kernel/debug/iommu", 0, 0);
	walk("/sys/kernel/debug/vfio", 0, 0);
	walk("/sys/kernel/security/lockdown", 0, 0);
	for (i = 0; i < sizeof mods / sizeof *mods; i++)
		each("/sys/module", mods[i], "/parameters", 0, 0);
	for (i = 0; i < sizeof proc / sizeof *proc; i++) {
		snprintf(p, sizeof p, "/proc/%s", proc[i]);
		walk(p, 0, 0);
	}
	for (k = 0; k < nfw; k++) {
		for (j = 0; j < k && strcmp(fwnode[j], fwnode[k]); j++) {}
		if (j == k)
			walk(fwnode[k], 2, 0);
	}
	if (argc > 1 && !chdir(argv[1])) {
		struct dirent **v;
		int n = scandir(".", &v, NULL, alphasort);
		char r[PATH_MAX];

		/* one level of directories, regular files in them */
		for (k = 0; k < n; k++) {
			struct dirent **u;
			int m;

			if (v[k]->d_name[0] == '.')
				continue;
			m = scandir(v[k]->d_name, &u, NULL, alphasort);
			for (j = 0; j < m; j++) {
				if (u[j]->d_name[0] == '.')
					continue;
				snprintf(r, sizeof r, "%s/%s", v[k]->d_name, u[j]->d_name);
				file(r, r, 0644);
			}
		}
	}
	header("CAPTURE/unreadable", 0644, '0', nbad, NULL);
	put(bad, nbad);
	pad(nbad);
	{
		static char z[1024];

		put(z, 1024);
	}
	return 0;
}
