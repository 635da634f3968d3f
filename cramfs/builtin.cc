// SPDX-License-Identifier: GPL-2.0-only
//
// What a kernel build has built in: its file systems, and the implementations
// of direct mapping that a mount may choose (init_cramfs_fs of 4.13).

#include "cramfs/cramfs.h"

#include "mm/mm.h"
#include "mm/sync/bug.h"
#include "mm/sync/machine.h"
#include "mm/sync/slab.h"
#include "mm/sync/string.h"

const struct file_system_type *const fl_file_systems[] = {
#if CRAMFS_CONFIG_CRAMFS_PHYSMEM
    &cramfs_physmem_fs_type,
#endif
    &cramfs_fs_type,
    &shmem_fs_type,
    &ramfs_fs_type,
    NULL,
};

#if FAULTLINE_PLANTED
#define CRAMFS_PLANTED_VARIANTS(V)                                             \
	V("planted-use-after-free", "a fault reads an object it has freed",    \
	  &cramfs_planted_use_after_free_fops)                                 \
	V("planted-double-free", "a fault frees an object twice",              \
	  &cramfs_planted_double_free_fops)                                    \
	V("planted-out-of-bounds", "a fault writes behind an object",          \
	  &cramfs_planted_out_of_bounds_fops)                                  \
	V("planted-wrong-data", "a fault changes the first byte of a page",    \
	  &cramfs_planted_wrong_data_fops)                                     \
	V("planted-bug", "BUG when two faults are handled at once",            \
	  &cramfs_planted_bug_fops)                                            \
	V("planted-deadlock", "a fault waits for mmap_sem it holds",           \
	  &cramfs_planted_deadlock_fops)                                       \
	V("planted-abba",                                                      \
	  "odd and even pages take two mutexes in opposite order",             \
	  &cramfs_planted_abba_fops)                                           \
	V("planted-lock-leak", "a fault returns with a lock held",             \
	  &cramfs_planted_lock_leak_fops)                                      \
	V("planted-wrong-release", "a fault up_writes what it down_read",      \
	  &cramfs_planted_wrong_release_fops)                                  \
	V("planted-leak", "a fault allocates an object nobody frees",          \
	  &cramfs_planted_leak_fops)                                           \
	V("planted-race", "faults count without a lock; BUG on a lost one",    \
	  &cramfs_planted_race_fops)
#else
#define CRAMFS_PLANTED_VARIANTS(V)
#endif

#define CRAMFS_VARIANTS(V)                                                     \
	V("v3", "the patch of August 2017: splits the vma in the fault",       \
	  &cramfs_v3_fops)                                                     \
	V("mainline", "Linux 4.15: mixed map, paging fills the rest",          \
	  &cramfs_mainline_fops)                                               \
	V("paged", "no direct mapping, all through the page cache",            \
	  &cramfs_paged_fops)                                                  \
	CRAMFS_PLANTED_VARIANTS(V)

#define CRAMFS_VARIANT_NAME(name, summary, fops) {name, summary},
#define CRAMFS_VARIANT_FOPS(name, summary, fops) fops,

const struct fl_variant_name fl_variant_names[] = {
    CRAMFS_VARIANTS(CRAMFS_VARIANT_NAME){NULL, NULL},
};

static const struct file_operations *const cramfs_variant_fops[] = {
    CRAMFS_VARIANTS(CRAMFS_VARIANT_FOPS)};

int cramfs_find_variant(const char *name, size_t len,
			const struct file_operations **fops)
{
	for (size_t i = 0; i < ARRAY_SIZE(cramfs_variant_fops); i++) {
		if (strlen(fl_variant_names[i].name) == len &&
		    !memcmp(fl_variant_names[i].name, name, len)) {
			*fops = cramfs_variant_fops[i];
			return 0;
		}
	}
	return -EINVAL;
}

void fl_file_systems_init(struct machine *machine)
{
	machine->cramfs_sb_cachep = kmem_cache_create(
	    machine, "cramfs_sb_info", sizeof(struct cramfs_sb_info));
	machine->cramfs_buffers_cachep = kmem_cache_create(
	    machine, "cramfs_read_buffers", cramfs_read_buffers_bytes());
	BUG_ON(cramfs_uncompress_init(machine));
}
