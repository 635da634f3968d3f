// SPDX-License-Identifier: GPL-2.0-only
//
// Mount options (the parse_options of the physmem series, with memparse of
// lib/cmdline.c).
//
//   both            variant=NAME    implementation of direct mapping, v3 when
//                                   not given; a block device has no use of it
//   cramfs_physmem  physaddr=N      physical address of the image, mandatory,
//                                   page aligned, not 0
//   cramfs          dev=N           where in the ROM the simulated disk begins
//                   size=N          its bytes; up to the end of the ROM
//                   bad=FIRST-LAST  sectors of 512 bytes that cannot be read
//
// N: 0x for hexadecimal, a leading 0 for octal; K, M or G at its end.
//
// Stricter than the kernel: options have to be known and well formed.

#include "cramfs/cramfs.h"

#include "mm/sync/bug.h"
#include "mm/sync/string.h"

#define CRAMFS_DEFAULT_VARIANT "v3"
#define CRAMFS_SECTOR_SIZE 512u

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

// The number in text[0..len): digits in base 10, 8 or 16, then at most one of
// K, M, G.  False unless it is all of that and fits.
static bool memparse(const char *text, size_t len, u64 *value)
{
	u64 base = 10, result = 0;
	size_t i = 0, digits = 0;
	u32 shift = 0;

	if (len && text[0] == '0') {
		base = 8;
		if (len > 1 && (text[1] | 0x20) == 'x') {
			base = 16;
			i = 2;
		}
	}
	for (; i < len && (u64)digit_value(text[i]) < base; i++, digits++) {
		if (result > (~(u64)0 - 15) / base)
			return false;
		result = result * base + (u64)digit_value(text[i]);
	}
	if (!digits)
		return false;
	if (i < len) {
		switch (text[i] | 0x20) {
		case 'g':
			shift = 30;
			break;
		case 'm':
			shift = 20;
			break;
		case 'k':
			shift = 10;
			break;
		default:
			return false;
		}
		i++;
	}
	if (i != len || (result << shift) >> shift != result)
		return false;
	*value = result << shift;
	return true;
}

// The value of option `name` when text[0..len) is "name=value", else NULL.
static const char *option_value(const char *text, size_t len, const char *name,
				size_t *value_len)
{
	size_t name_len = strlen(name);

	if (len <= name_len || strncmp(text, name, name_len) ||
	    text[name_len] != '=')
		return NULL;
	*value_len = len - name_len - 1;
	return text + name_len + 1;
}

// text[0..len) is "FIRST-LAST".
static bool parse_sectors(const char *text, size_t len, u64 *first, u64 *last)
{
	size_t dash = 0;

	while (dash < len && text[dash] != '-')
		dash++;
	return dash < len && memparse(text, dash, first) &&
	       memparse(text + dash + 1, len - dash - 1, last) &&
	       *first <= *last;
}

// text[0..len): one option of a memory image.
static int parse_physmem_option(const char *text, size_t len,
				struct cramfs_options *options)
{
	size_t value_len;
	const char *value = option_value(text, len, "physaddr", &value_len);

	if (!value)
		return -ENOENT;
	if (memparse(value, value_len, &options->physaddr))
		return 0;
	pr_err("cramfs: physaddr is not a number\n");
	return -EINVAL;
}

static int parse_device_option(const char *text, size_t len,
			       struct cramfs_options *options)
{
	size_t value_len;
	const char *value;

	value = option_value(text, len, "dev", &value_len);
	if (value) {
		if (memparse(value, value_len, &options->dev) &&
		    options->dev % CRAMFS_SECTOR_SIZE == 0)
			return 0;
		pr_err("cramfs: dev is not the start of a sector\n");
		return -EINVAL;
	}
	value = option_value(text, len, "size", &value_len);
	if (value) {
		if (memparse(value, value_len, &options->dev_size) &&
		    options->dev_size)
			return 0;
		pr_err("cramfs: size is not a number of bytes\n");
		return -EINVAL;
	}
	value = option_value(text, len, "bad", &value_len);
	if (value) {
		if (parse_sectors(value, value_len, &options->bad_first,
				  &options->bad_last))
			return 0;
		pr_err("cramfs: bad is not a range of sectors\n");
		return -EINVAL;
	}
	return -ENOENT;
}

static int check_physaddr(u64 physaddr)
{
	if (!physaddr || (kulong)physaddr != physaddr) {
		pr_err("cramfs: physaddr %#llx is no address of an image\n",
		       KL(physaddr));
		return -EINVAL;
	}
	if (!PAGE_ALIGNED(physaddr)) {
		pr_err("cramfs: physaddr %#llx is not page aligned\n",
		       KL(physaddr));
		return -EINVAL;
	}
	return 0;
}

int cramfs_parse_options(const char *text, bool physmem,
			 struct cramfs_options *options)
{
	bool have_address = false;

	memset(options, 0, sizeof(*options));
	options->bad_first = 1;
	if (cramfs_find_variant(CRAMFS_DEFAULT_VARIANT,
				strlen(CRAMFS_DEFAULT_VARIANT), &options->fops))
		return -EINVAL;
	while (text && *text) {
		const char *comma = strchr(text, ',');
		size_t len = comma ? (size_t)(comma - text) : strlen(text);
		size_t value_len;
		const char *value =
		    option_value(text, len, "variant", &value_len);
		int ret;

		if (value) {
			ret = 0;
			if (cramfs_find_variant(value, value_len,
						&options->fops)) {
				pr_err("cramfs: unknown variant in \"%s\"\n",
				       text);
				return -EINVAL;
			}
		} else if (physmem) {
			ret = parse_physmem_option(text, len, options);
			have_address |= !ret;
		} else {
			ret = parse_device_option(text, len, options);
		}
		if (ret == -ENOENT)
			pr_err("cramfs: unknown mount option in \"%s\"\n",
			       text);
		if (ret)
			return -EINVAL;
		text = comma ? comma + 1 : NULL;
	}
	if (!physmem)
		return 0;
	if (!have_address) {
		pr_err("cramfs: mount option physaddr= is missing\n");
		return -EINVAL;
	}
	return check_physaddr(options->physaddr);
}
