// SPDX-License-Identifier: GPL-2.0-only
//
// The variant that maps nothing directly: what a cramfs without physmem mmap
// support does (generic_ro_fops).  The measure for all others.

#include "cramfs/cramfs.h"

const struct file_operations cramfs_paged_fops = {
    .llseek = generic_file_llseek,
    .read = generic_file_read,
    .mmap = generic_file_readonly_mmap,
    .get_unmapped_area = NULL,
    .mmap_capabilities = NULL,
    .splice_read = generic_file_splice_read,
    .read_iter = generic_file_read_iter,
};
