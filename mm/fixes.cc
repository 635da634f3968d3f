// SPDX-License-Identifier: GPL-2.0-only
/*
 * The later upstream fixes that a machine may run without: what they are
 * called and what they do.  No function of 4.13; a name is that of the function
 * that was wrong, and of the matter.
 */
#include "mm/sync/machine.h"

extern "C" {

/* In the order of enum fl_fix. */
constexpr struct fl_fix_text fl_fix_texts[FL_FIXES] = {
    {FL_FIX_FAULT_PREALLOC, "do_fault-prealloc",
     "do_fault frees its spare pte page through an mm it saved, "
     "not through the vma (fc8efd2ddfed)"},
    {FL_FIX_MM_FAULT_ERROR, "mm_fault_error-vma",
     "mm_fault_error does not look at the vma once mmap_sem is "
     "dropped (a3c4fb7c9c2e)"},
    {FL_FIX_VMA_IS_ANONYMOUS, "vma_is_anonymous",
     "a file mapping without vm_ops is not anonymous memory "
     "(bfd40eaff5ab)"},
    {FL_FIX_CRAMFS_LAST_BLOCK, "cramfs_readpage-last-block",
     "the last block of a file of whole pages, direct and raw, is "
     "read, not taken for a hole"},
    {FL_FIX_CRAMFS_SHORT_ENTRY, "cramfs_lookup-short-entry",
     "an entry at the end of an image in memory is found, though the "
     "longest possible one would not fit"},
    {FL_FIX_CRAMFS_ALIAS, "get_cramfs_inode-alias",
     "entries that share their data keep their own mode, owner and "
     "inode number"},
    {FL_FIX_CRAMFS_BOUNDS, "cramfs_get_block_range-bounds",
     "a file with a block outside the image is not mapped directly"},
    {FL_FIX_MMAP_REGION_UNACCT, "mmap_region-unacct",
     "mmap of a file gives back the commit it was charged when the "
     "file refuses the mapping"},
    {FL_FIX_PAT_FORK, "pat-fork",
     "a fork that fails in the middle of a device mapping gives its "
     "reserved memory type back (dc84bc2aba85)"},
    {FL_FIX_SHMEM_FAULT_PIN, "shmem_fault-pin",
     "a fault that waits for a hole to be punched holds the file once "
     "it has let go of mmap_sem (8897c1b1a179)"},
    {FL_FIX_VMACACHE_WRAP, "vmacache-wrap",
     "the sequence number of an mm's mappings has 64 bits and does not "
     "come round (7a9cdebdcc17)"},
    {FL_FIX_KVM_REFCOUNT, "hva_to_pfn_remapped-refcount",
     "KVM takes no reference to a frame that nobody else has one to "
     "(f8be156be163)"},
    {FL_FIX_HANDLE_USERFAULT, "handle_userfault-retake",
     "handle_userfault does not take mmap_sem back for a signal, but has "
     "the fault taken again (5.7)"},
    {FL_FIX_MOVE_PTES_FLUSH, "move_ptes-flush",
     "mremap flushes the TLBs before others can free what it moved "
     "(eb66ae030829)"},
#if FAULTLINE_PLANTED
    {FL_FIX_PLANTED_MPROTECT_FLUSH, "planted-mprotect-flush",
     "mprotect flushes the TLBs"},
    {FL_FIX_PLANTED_FREE_AFTER_FLUSH, "planted-free-after-flush",
     "pages are freed after the flush, not before"},
#endif
};

static consteval bool in_order(void)
{
	for (int i = 0; i < FL_FIXES; i++) {
		if (fl_fix_texts[i].fix != i || !fl_fix_texts[i].name)
			return false;
	}
	return true;
}
static_assert(in_order(), "a line for each of enum fl_fix, in its order");

} /* extern "C" */
