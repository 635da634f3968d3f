// SPDX-License-Identifier: GPL-2.0-only
/*
 * faultline_kernel: the one table that a kernel build exports, and what in it
 * is more than a call of the function behind it: boot, mounts, tasks, system
 * call arguments, and the check of what a machine has left over.
 *
 * A call marked [host] in interface.h comes with no task of the machine in
 * model code, so it needs no lock; what it calls may ask for `current` and
 * gets the machine's init_task.
 *
 *   umount                     do_umount, as far as "busy" goes
 *
 * Left out: everything that needs a file name space or credentials.
 */
#include "mm/interface.h"
#include "mm/binfmts.h"
#include "mm/fault.h"
#include "mm/fs.h"
#include "mm/mm.h"
#ifndef CONFIG_MMU
#include "mm/nommu.h"
#endif
#include "mm/rmap.h"
#include "mm/sync/machine.h"
#include "mm/sync/sched.h"
#include "mm/sync/string.h"
#include "mm/userfaultfd.h"
#include "mm/uaccess.h"

extern "C" {

static struct task_struct **current_slot(void)
{
	return &fl_current;
}

/* ---- machine ---- */

static u64 machine_bytes(const struct fl_machine_config *config)
{
	return machine_layout_bytes(config);
}

static struct machine *machine_boot(void *arena, u64 bytes,
				    const struct fl_machine_config *config,
				    const char **error)
{
	struct machine *machine;
	struct task_struct *before;
	u32 i;

	machine = machine_init(arena, bytes, config, error);
	if (!machine)
		return NULL;
	before = machine_enter(machine);
	mm_caches_init(machine);
	if (!machine->task_cachep)
		machine->task_cachep = kmem_cache_create(
		    machine, "task_struct", sizeof(struct task_struct));
#ifdef CONFIG_MMU
	pgtable_cache_init(machine);
#else
	mmap_init(machine);
#endif
	vfs_caches_init(machine);
	shmem_init(machine);
	fl_file_systems_init(machine);
	overcommit_init(machine);
	machine->boot_free_pages = machine->nr_free;
	for (i = 0; i < machine->nr_caches; i++)
		machine->boot_objects[i] =
		    kmem_cache_objects(&machine->caches[i]);
	machine_leave(before);
	return machine;
}

static void *machine_rom(struct machine *machine, u64 *bytes)
{
	*bytes = machine->rom ? machine->rom_bytes : 0;
	return machine->rom;
}

static void machine_stats(struct machine *machine,
			  struct fl_machine_stats *stats)
{
	const struct task_struct *task;
	u32 i;

	stats->free_pages = machine->nr_free;
	stats->ram_pages = machine->ram_pages;
	stats->slab_objects = 0;
	for (i = 0; i < machine->nr_caches; i++)
		stats->slab_objects += kmem_cache_objects(&machine->caches[i]);
	/* init_task inherits the counts of tasks that are gone. */
	stats->minor_faults = machine->init_task.min_flt;
	stats->major_faults = machine->init_task.maj_flt;
	list_for_each_entry(task, &machine->tasks, struct task_struct, tasks)
	{
		stats->minor_faults += task->min_flt;
		stats->major_faults += task->maj_flt;
	}
}

static void *machine_scratch(struct machine *machine, u64 *bytes)
{
	*bytes = FL_SCRATCH_BYTES;
	return machine->scratch;
}

static const char *variant_name(u32 i)
{
	return fl_variant_names[i].name;
}

static const char *variant_summary(u32 i)
{
	return fl_variant_names[i].summary;
}

static const char *fix_name(u32 i)
{
	return i < FL_FIXES ? fl_fix_texts[i].name : NULL;
}

static const char *fix_summary(u32 i)
{
	return i < FL_FIXES ? fl_fix_texts[i].summary : NULL;
}

/* ---- file systems ---- */

static int mount_fs(const char *fstype, const char *options,
		    struct super_block **sb)
{
	u32 i;

	for (i = 0; fl_file_systems[i]; i++)
		if (!strcmp(fl_file_systems[i]->name, fstype))
			return fl_file_systems[i]->mount(
			    current_machine(), options ? options : "", sb);
	return -ENODEV;
}

static int umount_fs(struct super_block *sb)
{
	if (atomic_read(&sb->s_files))
		return -EBUSY;
	deactivate_super(sb);
	return 0;
}

static int remount_fs(struct super_block *sb, u32 *flags)
{
	return do_remount_sb(sb, flags);
}

static int statfs_fs(struct super_block *sb, struct fl_statfs *to)
{
	struct kstatfs buf = {};
	const int error = vfs_statfs(sb, &buf);

	if (error)
		return error;
	to->type = buf.f_type;
	to->bsize = buf.f_bsize;
	to->blocks = buf.f_blocks;
	to->bfree = buf.f_bfree;
	to->bavail = buf.f_bavail;
	to->files = buf.f_files;
	to->ffree = buf.f_ffree;
	to->namelen = buf.f_namelen;
	to->fsid[0] = buf.f_fsid[0];
	to->fsid[1] = buf.f_fsid[1];
	return 0;
}

/* generic_fillattr, cp_new_stat */
static void fill_stat(const struct inode *inode, struct fl_stat *to)
{
	to->ino = inode->i_ino;
	to->size = i_size_read(inode);
	to->blocks = inode->i_blocks;
	to->mode = inode->i_mode;
	to->nlink = inode->i_nlink;
	to->uid = inode->i_uid;
	to->gid = inode->i_gid;
	to->rdev = inode->i_rdev;
	to->blksize = PAGE_SIZE;
}

static int stat_path(struct super_block *sb, const char *path, u32 follow,
		     struct fl_stat *to)
{
	struct inode *inode;
	const int error = path_lookup(sb, path, follow != 0, &inode);

	if (error)
		return error;
	fill_stat(inode, to);
	iput(inode);
	return 0;
}

/* vfs_readlink, readlink_copy */
static s64 read_link(struct super_block *sb, const char *path, char *to,
		     u64 bytes)
{
	struct delayed_call done = {NULL, NULL};
	struct inode *inode;
	const char *link;
	s64 ret;

	if (!bytes)
		return -EINVAL;
	ret = path_lookup(sb, path, false, &inode);
	if (ret)
		return ret;
	ret = -EINVAL;
	if (!inode->i_op || !inode->i_op->get_link)
		goto out;
	link = inode->i_op->get_link(inode, &done);
	ret = PTR_ERR(link);
	if (IS_ERR(link))
		goto out;
	ret = (s64)strlen(link);
	if ((u64)ret > bytes)
		ret = (s64)bytes;
	memcpy(to, link, (size_t)ret);
	do_delayed_call(&done);
out:
	iput(inode);
	return ret;
}

static void file_stat(struct file *file, struct fl_stat *to)
{
	fill_stat(file->f_inode, to);
}

static s64 file_size(struct file *file)
{
	return i_size_read(file->f_inode);
}

static s64 file_read(struct file *file, void *to, u64 bytes, u64 position)
{
	loff_t pos = (loff_t)position;

	if (!file->f_op || (!file->f_op->read && !file->f_op->read_iter))
		return -EINVAL;
	if (pos < 0)
		return -EINVAL;
	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	if (bytes > MAX_RW_COUNT)
		bytes = MAX_RW_COUNT;
	if (!file->f_op->read) {
		struct iov_iter iter;

		iov_iter_kernel(&iter, to, bytes);
		return file->f_op->read_iter(file, &pos, &iter);
	}
	return file->f_op->read(file, (char *)to, (size_t)bytes, &pos);
}

static s64 file_write(struct file *file, const void *from, u64 bytes,
		      u64 position)
{
	loff_t pos = (loff_t)position;
	struct iov_iter iter;

	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	if (!file->f_op->write_iter || pos < 0)
		return -EINVAL;
	if (bytes > MAX_RW_COUNT)
		bytes = MAX_RW_COUNT;
	iov_iter_kernel(&iter, (void *)(uintptr_t)from, bytes);
	return file->f_op->write_iter(file, &pos, &iter);
}

static s64 file_truncate(struct file *file, u64 bytes)
{
	return do_truncate(file, (loff_t)bytes);
}

static s64 file_fallocate(struct file *file, u32 mode, u64 offset, u64 bytes)
{
	return vfs_fallocate(file, (int)mode, (loff_t)offset, (loff_t)bytes);
}

static s64 file_fadvise(struct file *file, u64 offset, u64 bytes, u32 advice)
{
	return vfs_fadvise(file, (loff_t)offset, (loff_t)bytes, (int)advice);
}

static s64 file_invalidate(struct file *file, u64 first, u64 last)
{
	if ((u64)(pgoff_t)first != first)
		return 0;
	if ((u64)(pgoff_t)last != last)
		last = ~(pgoff_t)0;
	return invalidate_inode_pages2_range(file->f_mapping, (pgoff_t)first,
					     (pgoff_t)last);
}

static s64 file_lseek(struct file *file, s64 offset, s32 whence)
{
	if (whence < 0 || whence > SEEK_HOLE || !file->f_op->llseek)
		return -EINVAL;
	return file->f_op->llseek(file, offset, whence);
}

struct readdir_data {
	struct dir_context ctx;
	struct fl_dirent *to;
	u64 room, used; /* entries */
};

static int filldir(struct dir_context *ctx, const char *name, int len,
		   loff_t pos, u64 ino, unsigned int type)
{
	struct readdir_data *buf = container_of(ctx, struct readdir_data, ctx);
	struct fl_dirent *dirent;

	/* Where the entry before it ends is known only now. */
	if (buf->used)
		buf->to[buf->used - 1].position = (u64)pos;
	if (buf->used == buf->room)
		return -EINVAL;
	dirent = &buf->to[buf->used++];
	if (len > NAME_MAX)
		len = NAME_MAX;
	dirent->ino = ino;
	dirent->type = type;
	dirent->name_len = (u32)len;
	memcpy(dirent->name, name, (size_t)len);
	dirent->name[len] = '\0';
	return 0;
}

static s64 file_readdir(struct file *file, struct fl_dirent *to, u64 count)
{
	struct readdir_data buf = {{filldir, 0}, to, count, 0};
	const int error = iterate_dir(file, &buf.ctx);

	if (!buf.used)
		return error;
	to[buf.used - 1].position = (u64)file->f_pos;
	return (s64)buf.used;
}

static s64 file_splice_read(struct file *file, u64 *position,
			    struct pipe_inode_info *pipe, u64 bytes)
{
	loff_t pos = (loff_t)*position;
	s64 ret;

	if (!file->f_op->splice_read || pos < 0)
		return -EINVAL;
	if (bytes > 0x7ffff000)
		bytes = 0x7ffff000;
	ret = file->f_op->splice_read(file, &pos, pipe, (size_t)bytes);
	*position = (u64)pos;
	return ret;
}

static s64 pipe_read_out(struct pipe_inode_info *pipe, void *to, u64 bytes)
{
	return pipe_read(pipe, (char *)to, (size_t)bytes);
}

/* ---- processes ---- */

static struct mm_struct *mm_create(struct machine *machine)
{
	struct task_struct *before = machine_enter(machine);
	struct mm_struct *mm = mm_alloc(machine);

	machine_leave(before);
	return mm;
}

static struct task_struct *task_create(struct machine *machine,
				       struct mm_struct *mm, const char *comm,
				       u32 cpu, void *host)
{
	struct task_struct *before = machine_enter(machine);
	struct task_struct *task;
	u32 i;

	task = (struct task_struct *)kmem_cache_zalloc(machine->task_cachep,
						       GFP_KERNEL);
	if (task) {
		task->machine = machine;
		if (mm)
			atomic_inc(&mm->mm_users);
		task->mm = mm;
		task->cpu = cpu % machine->config.cpus;
		task->host = host;
		for (i = 0; i < TASK_COMM_LEN - 1 && comm[i]; i++)
			task->comm[i] = comm[i];
		spin_lock(&machine->tasks_lock);
		list_add_tail(&task->tasks, &machine->tasks);
		spin_unlock(&machine->tasks_lock);
	}
	machine_leave(before);
	return task;
}

static struct machine *task_machine(struct task_struct *task)
{
	return task->machine;
}

static void task_exit(void)
{
	exit_mm();
	/* A driver's file is closed when the mm is gone already. */
	task_unpin_all();
}

static void task_free(struct task_struct *task)
{
	struct machine *machine = task->machine;
	struct task_struct *before = machine_enter(machine);

	BUG_ON(task->mm);
	machine->init_task.min_flt += task->min_flt;
	machine->init_task.maj_flt += task->maj_flt;
	spin_lock(&machine->tasks_lock);
	list_del(&task->tasks);
	spin_unlock(&machine->tasks_lock);
	kmem_cache_free(machine->task_cachep, task);
	machine_leave(before);
}

static void set_ptrace(struct task_struct *task, u32 on)
{
	WRITE_ONCE(task->ptrace, on != 0);
}

static u32 task_killed(struct task_struct *task)
{
	return fatal_signal_pending(task);
}

/* ---- system calls ---- */

/* An argument that the modelled machine's registers cannot hold. */
static bool too_wide(u64 value)
{
	return (u64)(kulong)value != value;
}

static s64 sys_mmap(u64 addr, u64 len, u32 prot, u32 flags, struct file *file,
		    u64 offset)
{
	if (offset & (PAGE_SIZE - 1))
		return -EINVAL;
	if (too_wide(addr) || too_wide(len))
		return -ENOMEM;
	if (too_wide(offset >> PAGE_SHIFT))
		return -EOVERFLOW;
	if (!(flags & FL_MAP_ANONYMOUS) && !file)
		return -EBADF;
	return vm_mmap_pgoff(flags & FL_MAP_ANONYMOUS ? NULL : file,
			     (kulong)addr, (kulong)len, prot, flags,
			     (kulong)(offset >> PAGE_SHIFT));
}

static s64 sys_munmap(u64 addr, u64 len)
{
	if (too_wide(addr) || too_wide(len))
		return -EINVAL;
	return vm_munmap((kulong)addr, (size_t)len);
}

static s64 sys_mprotect(u64 addr, u64 len, u32 prot)
{
	if (too_wide(addr) || too_wide(len))
		return -ENOMEM;
	return do_mprotect((kulong)addr, (size_t)len, prot);
}

static s64 sys_madvise(u64 addr, u64 len, u32 advice)
{
	if (too_wide(addr) || too_wide(len))
		return -EINVAL;
	return do_madvise((kulong)addr, (size_t)len, (int)advice);
}

static s64 sys_mremap(u64 addr, u64 old_len, u64 new_len, u32 flags,
		      u64 new_addr)
{
	if (too_wide(addr) || too_wide(old_len) || too_wide(new_len) ||
	    too_wide(new_addr))
		return -EINVAL;
	return do_mremap((kulong)addr, (kulong)old_len, (kulong)new_len, flags,
			 (kulong)new_addr);
}

/* Too high for a register is too high for the heap as well. */
static s64 sys_brk(u64 brk)
{
	return do_sys_brk(too_wide(brk) ? ~(kulong)0 : (kulong)brk);
}

static s64 sys_kill(struct task_struct *task, s32 sig)
{
	if (sig < 0 || sig > 64)
		return -EINVAL;
	if (sig)
		send_sig(sig, task);
	return 0;
}

static void set_user_sp(u64 sp)
{
	current->sp = too_wide(sp) ? ~(kulong)0 : (kulong)sp;
}

/* ---- kernel threads ---- */

static s32 set_oom_score_adj(struct task_struct *task, s32 oom_score_adj)
{
	if (oom_score_adj < -1000 || oom_score_adj > 1000)
		return -EINVAL;
	task->oom_score_adj = oom_score_adj;
	return 0;
}

/* ---- looking at things ---- */

static u64 proc_maps(struct mm_struct *mm, char *text, u64 bytes)
{
	struct task_struct *before = machine_enter(mm->machine);
	const u64 needed = proc_pid_maps(mm, text, bytes);

	machine_leave(before);
	return needed;
}

static u64 proc_smaps(struct mm_struct *mm, char *text, u64 bytes)
{
	struct task_struct *before = machine_enter(mm->machine);
	const u64 needed = proc_pid_smaps(mm, text, bytes);

	machine_leave(before);
	return needed;
}

static u64 proc_pagemap(struct mm_struct *mm, u64 addr, u64 pages, u64 *entries)
{
	struct task_struct *before = machine_enter(mm->machine);
	const u64 found = pagemap_read(mm, addr, pages, entries);

	machine_leave(before);
	return found;
}

static struct mm_struct *task_mm(struct task_struct *task)
{
	return task->mm;
}

static void page_walk(struct mm_struct *mm,
		      void (*visit)(const struct fl_page_info *info,
				    void *cookie),
		      void *cookie)
{
	struct task_struct *before = machine_enter(mm->machine);

	walk_page_info(mm, visit, cookie);
	machine_leave(before);
}

static u32 check_mm_now(struct mm_struct *mm)
{
	struct task_struct *before = machine_enter(mm->machine);
	const u32 wrong = validate_mm(mm);

	machine_leave(before);
	return wrong;
}

static u32 report_left_over(const char *what, u64 have, u64 expected)
{
	char text[128];

	if (have == expected)
		return 0;
	fl_snprintf(text, sizeof(text), "left over: %s: %llu, expected %llu",
		    what, have, expected);
	fl_warn(FL_REPORT_BAD, __FILE__, __LINE__, "check_machine", text);
	return 1;
}

/* Tasks that the host still holds are its own, not left over. */
static u32 check_machine(struct machine *machine)
{
	struct task_struct *before = machine_enter(machine);
	const struct task_struct *task;
	u32 wrong = 0;
	u64 tasks = 0;
	u32 i;

	list_for_each_entry(task, &machine->tasks, struct task_struct, tasks)
	    tasks++;
	for (i = 0; i < machine->nr_caches; i++) {
		struct kmem_cache *cache = &machine->caches[i];
		u64 expected = machine->boot_objects[i];

		if (cache == machine->task_cachep)
			expected += tasks;
		wrong += report_left_over(kmem_cache_name(cache),
					  kmem_cache_objects(cache), expected);
	}
	wrong += report_left_over("free pages", machine->nr_free,
				  machine->boot_free_pages);
	wrong += report_left_over(
	    "committed pages",
	    (u64)percpu_counter_read(&machine->vm_committed_as), 0);
	wrong +=
	    report_left_over("reserved PAT ranges", machine->nr_pat_ranges, 0);
	wrong += report_left_over(
	    "shared memory pages",
	    (u64)percpu_counter_read(&machine->nr_shmem), 0);
#ifndef CONFIG_MMU
	wrong += report_left_over("regions", count_nommu_regions(machine), 0);
	wrong += report_left_over(
	    "pages of mappings",
	    (u64)atomic_long_read(&machine->nommu->mmap_pages_allocated), 0);
#endif
	wrong += report_left_over("super blocks",
				  !list_empty(&machine->super_blocks), 0);
	machine_leave(before);
	return wrong;
}

// clang-format off: one entry a line, in the order of the struct
const struct fl_kernel faultline_kernel = {
    FL_KERNEL_ABI,
    sizeof(struct fl_kernel),
#if defined(CONFIG_X86_64)
    "x86-64",
#elif defined(CONFIG_MMU)
    "arm",
#else
    "arm-nommu",
#endif
    FAULTLINE_EXPLORED,
    CONFIG_CRAMFS_PHYSMEM,
    BITS_PER_KULONG,
    PAGE_SHIFT,
    CONFIG_PGTABLE_LEVELS,
    TASK_SIZE,
    fl_attach_runtime,
    current_slot,
    machine_bytes,
    machine_boot,
    machine_rom,
    machine_stats,
    machine_scratch,
    variant_name,
    variant_summary,
    fix_name,
    fix_summary,
    mount_fs,
    remount_fs,
    statfs_fs,
    umount_fs,
    stat_path,
    read_link,
    filp_open,
    filp_open_flags,
    fput,
    file_size,
    file_stat,
    file_read,
    file_write,
    file_truncate,
    file_fallocate,
    file_fadvise,
    file_invalidate,
    file_lseek,
    file_readdir,
    alloc_pipe_info,
    free_pipe_info,
    file_splice_read,
    pipe_read_out,
    mm_create,
    set_rlimit,
    set_start_brk,
    task_create,
    task_machine,
    mmput,
    task_exit,
    task_free,
    sys_mmap,
    sys_munmap,
    sys_mprotect,
    sys_madvise,
    sys_mremap,
    sys_brk,
    sys_fork,
    sys_execve,
    core_dump,
    sys_kill,
    uffdio_register,
    uffdio_copy,
    uffdio_zeropage,
    uffdio_wake,
    futex_op,
    user_access,
    set_user_sp,
    uml_access,
    sparc32_access,
    kvm_hva_to_pfn,
    reclaim_pages,
    compact_pages,
    age_pages,
    oom_kill,
    oom_reap,
    set_oom_score_adj,
    sys_mlock,
    sys_mlock2,
    sys_munlock,
    sys_mlockall,
    sys_munlockall,
    sys_msync,
    sys_mincore,
    sys_pread64,
    sys_pwrite64,
    sys_write_pipe,
    sys_vmsplice,
    process_vm_rw,
    ptrace_access,
    gup_pin,
    gup_unpin,
    task_pin,
    task_vfio_pin,
    task_unpin_all,
    vfio_pin,
    vfio_unpin,
    gup_pin_access,
    uprobe_register,
    task_killed,
    set_ptrace,
    proc_maps,
    proc_smaps,
    proc_pagemap,
    task_mm,
    page_walk,
    check_mm_now,
    validate_mm_running,
    check_machine,
};
// clang-format on

} /* extern "C" */
