// SPDX-License-Identifier: GPL-2.0-only
//
// The instrumented half of the fake kernel; see fake_kernel.h.

#include "sim/testing/fake_internal.h"

static uint64_t machine_bytes(const struct fl_machine_config *config)
{
	return ((sizeof(struct machine) + FAKE_PAGE - 1) & ~(FAKE_PAGE - 1)) +
	       config->slab_bytes;
}

static struct machine *machine_boot(void *arena, uint64_t bytes,
				    const struct fl_machine_config *config,
				    const char **error)
{
	struct machine *machine = (struct machine *)arena;

	if (bytes < machine_bytes(config)) {
		*error = "arena too small";
		return NULL;
	}
	machine->config.cpus = config->cpus;
	machine->slab_next =
		(char *)arena + machine_bytes(config) - config->slab_bytes;
	machine->locks[0].name = "lock_0";
	machine->locks[1].name = "lock_1";
	for (uint32_t i = 2; i < FAKE_SLOTS; i++)
		machine->locks[i].name = "lock_n";
	return machine;
}

static void *machine_rom(struct machine *, uint64_t *bytes)
{
	*bytes = 0;
	return NULL;
}

static void machine_stats(struct machine *machine,
			  struct fl_machine_stats *stats)
{
	stats->slab_objects = machine->live;
}

static const char *variant_name(uint32_t i)
{
	return i == 0 ? "fake" : NULL;
}

static const char *fix_name(uint32_t)
{
	return NULL;
}

static struct mm_struct *mm_create(struct machine *machine)
{
	for (uint32_t i = 0; i < FAKE_TASKS; i++) {
		if (machine->mms[i].used)
			continue;
		machine->mms[i].used = 1;
		return &machine->mms[i];
	}
	return NULL;
}

static struct task_struct *task_create(struct machine *machine,
				       struct mm_struct *mm, const char *,
				       uint32_t, void *host)
{
	for (uint32_t i = 0; i < FAKE_TASKS; i++) {
		struct task_struct *task = &machine->tasks[i];

		if (task->used)
			continue;
		task->machine = machine;
		task->mm = mm;
		task->host = host;
		task->index = i;
		task->used = 1;
		task->killed = 0;
		return task;
	}
	return NULL;
}

static struct machine *task_machine(struct task_struct *task)
{
	return task->machine;
}

static void mm_put(struct mm_struct *mm)
{
	mm->used = 0;
}

static void task_exit(void)
{
	fake_task()->mm = NULL;
}

static void task_free(struct task_struct *task)
{
	task->used = 0;
}

static struct task_struct **current_slot(void)
{
	return &fake_current;
}

static void attach(const struct fl_runtime *runtime)
{
	fake_runtime = *runtime;
}

static int64_t sys_mmap(uint64_t addr, uint64_t len, uint32_t, uint32_t flags,
			struct file *, uint64_t)
{
	struct machine *machine = fake_task()->machine;
	const uint32_t pages = (uint32_t)(len / FAKE_PAGE);
	uint32_t first = machine->next_page;

	if (flags & FL_MAP_FIXED)
		first = (uint32_t)((addr - FAKE_USER_BASE) / FAKE_PAGE);
	else
		machine->next_page += pages;
	if (first + pages > FAKE_USER_PAGES)
		return -12;
	for (uint32_t i = first; i < first + pages; i++)
		machine->mapped |= 1u << i;
	return (int64_t)(FAKE_USER_BASE + first * FAKE_PAGE);
}

static int64_t sys_munmap(uint64_t addr, uint64_t len)
{
	struct machine *machine = fake_task()->machine;
	const uint32_t first = (uint32_t)((addr - FAKE_USER_BASE) / FAKE_PAGE);

	for (uint32_t i = 0; i < len / FAKE_PAGE; i++)
		machine->mapped &= ~(1u << (first + i));
	return 0;
}

static int64_t sys_mprotect(uint64_t, uint64_t, uint32_t)
{
	return 0;
}

static int64_t sys_kill(struct task_struct *task, int32_t)
{
	task->killed = 1;
	return 0;
}

static int64_t sys_futex_op(uint64_t, uint32_t)
{
	return 0;
}

static void user_access(uint32_t kind, uint64_t addr, uint32_t size,
			uint64_t value, struct fl_user_result *result)
{
	struct machine *machine = fake_task()->machine;
	const uint64_t offset = addr - FAKE_USER_BASE;

	if (offset >= FAKE_USER_PAGES * FAKE_PAGE ||
	    !(machine->mapped >> (offset / FAKE_PAGE) & 1)) {
		result->sig = 11;
		result->si_code = 1;
		result->si_addr = addr;
		return;
	}
	fake_event(kind == FL_STORE ? FL_EV_USER_WRITE : FL_EV_USER_READ,
		   &machine->user[offset], size, 0, NULL,
		   __builtin_return_address(0));
	if (kind == FL_STORE)
		fake_user_copy(&machine->user[offset], &value, size);
	else
		fake_user_copy(&result->value, &machine->user[offset], size);
}

static int64_t kvm_hva_to_pfn(uint64_t, uint32_t, uint64_t *)
{
	return 0;
}

static uint32_t task_killed(struct task_struct *task)
{
	return task->killed;
}

static uint64_t proc_maps(struct mm_struct *, char *, uint64_t)
{
	return 0;
}

static void page_walk(struct mm_struct *,
		      void (*)(const struct fl_page_info *, void *), void *)
{
}

static uint32_t check_mm(struct mm_struct *mm)
{
	if (!mm->bad)
		return 0;
	fake_report(FL_REPORT_BAD, __LINE__, __func__, "BUG: Bad fake mm");
	return 1;
}

static uint32_t check_machine(struct machine *machine)
{
	if (!machine->live)
		return 0;
	fake_report(FL_REPORT_BAD, __LINE__, __func__,
		    "BUG: Objects remaining in fake cache");
	return 1;
}

// A function of its own for each planted bug, so that titles can name it.
#define PLANTED static __attribute__((noinline)) void

PLANTED fake_increment(uint64_t *counter)
{
	*counter = *counter + 1;
}

PLANTED fake_use(struct machine *machine, uint32_t i)
{
	machine->slot[i]->value[1] = 7;
}

PLANTED fake_out_of_bounds(struct machine *machine, uint32_t i)
{
	volatile uint64_t *value = machine->slot[i]->value;

	value[4] = 7;
}

PLANTED fake_null(uint64_t *from)
{
	from[0] = from[1];
}

PLANTED fake_wild(void)
{
	*(volatile uint64_t *)0x123456789000ull = 1;
}

PLANTED fake_loop(struct machine *machine)
{
	for (;;)
		fake_increment(&machine->counter[0]);
}

PLANTED fake_spin(struct machine *machine, uint32_t i, uint32_t until)
{
	while (*(volatile uint32_t *)&machine->flag[i] != until)
		fake_runtime.relax(fake_task()->host, &machine->flag[i]);
}

PLANTED fake_expect(struct machine *machine, uint32_t i, uint32_t n)
{
	if (machine->counter[i] != n)
		fake_report(FL_REPORT_BUG, __LINE__, __func__,
			    "counter is not what it should be");
}

static int64_t sys_madvise(uint64_t addr, uint64_t len, uint32_t advice)
{
	struct task_struct *task = fake_task();
	struct machine *machine = task->machine;
	const uint32_t i = (uint32_t)(addr / FAKE_PAGE) % FAKE_SLOTS;
	const uint32_t n = (uint32_t)(len / FAKE_PAGE);

	switch (advice) {
	case FAKE_INCREMENT:
		fake_increment(&machine->counter[i]);
		return 0;
	case FAKE_EXPECT:
		fake_expect(machine, i, n);
		return 0;
	case FAKE_LOCK_UNLOCK:
		fake_lock(&machine->locks[i], FL_LOCK_WRITE);
		fake_unlock(&machine->locks[i], FL_LOCK_WRITE);
		return 0;
	case FAKE_READ_LOCK_UNLOCK:
		fake_lock(&machine->locks[i], FL_LOCK_READ);
		fake_unlock(&machine->locks[i], FL_LOCK_READ);
		return 0;
	case FAKE_LOCK_BOTH:
		fake_lock(&machine->locks[i], FL_LOCK_WRITE);
		fake_lock(&machine->locks[n], FL_LOCK_WRITE);
		fake_unlock(&machine->locks[n], FL_LOCK_WRITE);
		fake_unlock(&machine->locks[i], FL_LOCK_WRITE);
		return 0;
	case FAKE_LOCKED_INCREMENT:
		fake_lock(&machine->locks[i], FL_LOCK_WRITE);
		fake_increment(&machine->counter[i]);
		fake_unlock(&machine->locks[i], FL_LOCK_WRITE);
		return 0;
	case FAKE_ALLOC:
		machine->slot[i] = (struct fake_object *)fake_alloc(
			sizeof(struct fake_object), "fake_object");
		return 0;
	case FAKE_FREE:
		fake_free(machine->slot[i], sizeof(struct fake_object),
			  "fake_object");
		return 0;
	case FAKE_USE:
		fake_use(machine, i);
		return 0;
	case FAKE_OUT_OF_BOUNDS:
		fake_out_of_bounds(machine, i);
		return 0;
	case FAKE_NULL:
		fake_null((uint64_t *)(uintptr_t)machine->counter[7]);
		return 0;
	case FAKE_WILD:
		fake_wild();
		return 0;
	case FAKE_HARD_FAULT:
		fake_hard_fault();
		return 0;
	case FAKE_OVERFLOW:
		return fake_overflow(1000000);
	case FAKE_UNLOCK:
		fake_unlock(&machine->locks[i], FL_LOCK_WRITE);
		return 0;
	case FAKE_WRONG_MODE:
		fake_lock(&machine->locks[i], FL_LOCK_WRITE);
		fake_unlock(&machine->locks[i], FL_LOCK_READ);
		return 0;
	case FAKE_RECURSION:
		fake_lock(&machine->locks[i], FL_LOCK_WRITE);
		fake_lock(&machine->locks[i], FL_LOCK_WRITE);
		return 0;
	case FAKE_LEAVE_LOCKED:
		fake_lock(&machine->locks[i], FL_LOCK_WRITE);
		return 0;
	case FAKE_WARN:
		fake_report(FL_REPORT_WARN, __LINE__, __func__, "fake warning");
		return 0;
	case FAKE_SPIN:
		fake_spin(machine, i, n);
		return 0;
	case FAKE_SET_FLAG:
		*(volatile uint32_t *)&machine->flag[i] = n;
		return 0;
	case FAKE_LOOP:
		fake_loop(machine);
		return 0;
	case FAKE_SLEEP:
		fake_sleep(i);
		return 0;
	case FAKE_WAKE:
		fake_wake(i);
		return 0;
	case FAKE_SECRET:
		fake_secret_write();
		return 0;
	case FAKE_CHOOSE:
		machine->counter[i] =
			fake_runtime.choose(n, FL_CHOOSE_PAGE_STATE);
		return (int64_t)machine->counter[i];
	case FAKE_CORRUPT:
		machine->user[i * FAKE_PAGE] ^= 1;
		return 0;
	case FAKE_LEAVE_BAD:
		task->mm->bad = 1;
		return 0;
	default:
		return -22;
	}
}

static int no_mount(const char *, const char *, struct super_block **)
{
	return -19;
}

static int no_umount(struct super_block *)
{
	return 0;
}

static int no_open(struct super_block *, const char *, struct file **)
{
	return -2;
}

static void no_close(struct file *)
{
}

static int64_t no_size(struct file *)
{
	return 0;
}

static int64_t no_read(struct file *, void *, uint64_t, uint64_t)
{
	return -9;
}

static void *machine_scratch(struct machine *, uint64_t *bytes)
{
	*bytes = 0;
	return NULL;
}

extern "C" __attribute__((visibility("default")))
const struct fl_kernel faultline_kernel = {
	.abi = FL_KERNEL_ABI,
	.struct_bytes = sizeof(struct fl_kernel),
	.arch = "x86-64",
	.explored = FAULTLINE_EXPLORED,
	.physmem = 1,
	.kulong_bits = 64,
	.page_shift = 12,
	.pgtable_levels = 4,
	.task_size = 1ull << 47,
	.attach = attach,
	.current_slot = current_slot,
	.machine_bytes = machine_bytes,
	.machine_boot = machine_boot,
	.machine_rom = machine_rom,
	.machine_stats = machine_stats,
	.machine_scratch = machine_scratch,
	.variant_name = variant_name,
	.variant_summary = variant_name,
	.fix_name = fix_name,
	.fix_summary = fix_name,
	.mount = no_mount,
	.umount = no_umount,
	.open = no_open,
	.close = no_close,
	.file_size = no_size,
	.file_read = no_read,
	.mm_create = mm_create,
	.task_create = task_create,
	.task_machine = task_machine,
	.mm_put = mm_put,
	.task_exit = task_exit,
	.task_free = task_free,
	.sys_mmap = sys_mmap,
	.sys_munmap = sys_munmap,
	.sys_mprotect = sys_mprotect,
	.sys_madvise = sys_madvise,
	.sys_kill = sys_kill,
	.sys_futex_op = sys_futex_op,
	.user_access = user_access,
	.uml_access = user_access,
	.sparc32_access = user_access,
	.kvm_hva_to_pfn = kvm_hva_to_pfn,
	.task_killed = task_killed,
	.proc_maps = proc_maps,
	.page_walk = page_walk,
	.check_mm = check_mm,
	.check_machine = check_machine,
};
