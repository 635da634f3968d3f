// SPDX-License-Identifier: GPL-2.0-only
//
// The arena of a machine: how it is divided, and its first state (what
// start_kernel, memblock and kmem_cache_init leave behind).
//
// Left out: zones, nodes, highmem (every frame has an address), and all
// memory below RAM.  Runs before any task exists: no locks.

#include "mm/sync/internal.h"

namespace {

// RAM begins here unless the ROM window is in the way.
const phys_addr_t ram_default = 0x10000000;

#ifdef CONFIG_ARM
// Classic ARM page table entries hold 20 bits of page frame number.
const phys_addr_t phys_limit = (phys_addr_t)1 << 32;
#else
const phys_addr_t phys_limit = (phys_addr_t)1 << 46;
#endif

const u32 min_ram_pages = 8;

const char *const kmalloc_names[] = { "kmalloc-32",   "kmalloc-64",
				      "kmalloc-128",  "kmalloc-256",
				      "kmalloc-512",  "kmalloc-1024",
				      "kmalloc-2048", "kmalloc-4096" };

u64 page_round(u64 bytes)
{
	return (bytes + PAGE_SIZE - 1) & ~((u64)PAGE_SIZE - 1);
}

// Offsets in the arena, bytes, in the order of machine.h.
struct Layout {
	u64 cpus, scratch, slab, mem_map, ram, rom, end;
};

void machine_layout(const struct fl_machine_config *config,
		    struct Layout *layout)
{
	layout->cpus = page_round(sizeof(struct machine));
	layout->scratch =
		layout->cpus +
		page_round(config->cpus * sizeof(struct cpu_tlbstate));
	layout->slab = layout->scratch + page_round(FL_SCRATCH_BYTES);
	layout->mem_map = layout->slab + page_round(config->slab_bytes);
	layout->ram = layout->mem_map +
		      page_round(config->ram_pages * sizeof(struct page));
	layout->rom = layout->ram + config->ram_pages * PAGE_SIZE;
	layout->end = layout->rom + page_round(config->rom_bytes);
}

// The physical address of RAM, or phys_limit when there is no place for it.
phys_addr_t place_ram(const struct fl_machine_config *config)
{
	const u64 ram_bytes = config->ram_pages * PAGE_SIZE;
	const phys_addr_t rom = config->rom_phys;
	const phys_addr_t rom_end = rom + page_round(config->rom_bytes);

	if (!config->rom_bytes || ram_default + ram_bytes <= rom ||
	    ram_default >= rom_end) {
		if (ram_default + ram_bytes <= phys_limit)
			return ram_default;
		return phys_limit;
	}
	if (rom_end + ram_bytes <= phys_limit)
		return rom_end;
	// Frame 0 is not RAM: a pfn of 0 is most often a mistake.
	if (rom >= ram_bytes + PAGE_SIZE)
		return rom - ram_bytes;
	return phys_limit;
}

const char *check_config(const struct fl_machine_config *config)
{
	if (config->struct_bytes != sizeof(*config))
		return "fl_machine_config of another version";
	if (config->cpus < 1)
		return "a machine has at least one CPU";
	if (config->cpus > FL_MAX_CPUS)
		return "a machine has at most 256 CPUs";
	if (config->ram_pages < min_ram_pages)
		return "a machine has at least 8 pages of RAM";
	if (config->ram_pages >= phys_limit >> PAGE_SHIFT)
		return "more RAM than the architecture can address";
	if (config->slab_bytes < PAGE_SIZE ||
	    config->slab_bytes >= (u64)1 << 40)
		return "slab_bytes is below a page or beyond a terabyte";
	if (config->rom_phys & (PAGE_SIZE - 1))
		return "rom_phys is not page aligned";
	if (config->rom_bytes &&
	    (config->rom_phys >= phys_limit ||
	     page_round(config->rom_bytes) > phys_limit - config->rom_phys))
		return "the ROM window is beyond the physical address space";
	if (place_ram(config) == phys_limit)
		return "no room for RAM beside the ROM window";
	return NULL;
}

void init_task_setup(struct machine *machine)
{
	struct task_struct *task = &machine->init_task;
	static const char comm[] = "swapper";

	task->machine = machine;
	for (u32 i = 0; i < sizeof(comm); i++) {
		task->comm[i] = comm[i];
		barrier();
	}
	INIT_LIST_HEAD(&task->tasks);
}

void init_lists_and_locks(struct machine *machine)
{
	INIT_LIST_HEAD(&machine->tasks);
	spin_lock_init_named(&machine->tasks_lock, "tasks_lock");
	INIT_LIST_HEAD(&machine->super_blocks);
	spin_lock_init_named(&machine->sb_lock, "sb_lock");
	INIT_LIST_HEAD(&machine->pat_ranges);
	spin_lock_init_named(&machine->pat_lock, "pat_lock");
	INIT_LIST_HEAD(&machine->lru);
	raw_spin_lock_init(&machine->lru_lock, "lru_lock");
	mutex_init_named(&machine->oom_lock, "oom_lock");
	spin_lock_init_named(&machine->oom_reaper_lock, "oom_reaper_lock");
	raw_spin_lock_init(&machine->typesafe_lock, "typesafe_lock");
	mutex_init_named(&machine->cramfs_read_mutex, "cramfs_read_mutex");
	for (u32 i = 0; i < FL_BIT_WAIT_BUCKETS; i++) {
		raw_spin_lock_init(&machine->bit_wait[i].lock, "bit_wait");
		INIT_LIST_HEAD(&machine->bit_wait[i].waiters);
	}
}

} // namespace

u64 machine_layout_bytes(const struct fl_machine_config *config)
{
	struct Layout layout;

	machine_layout(config, &layout);
	return layout.end;
}

struct machine *machine_init(void *arena, u64 bytes,
			     const struct fl_machine_config *config,
			     const char **error)
{
	struct machine *machine = (struct machine *)arena;
	struct task_struct *before;
	struct Layout layout;

	*error = check_config(config);
	if (*error)
		return NULL;
	machine_layout(config, &layout);
	if ((uintptr_t)arena & (PAGE_SIZE - 1))
		*error = "the arena is not page aligned";
	else if (bytes < layout.end)
		*error = "the arena is smaller than machine_bytes";
#ifdef CONFIG_ARM
	else if ((uintptr_t)arena + bytes > (u64)1 << 32)
		*error = "the arena of an ARM machine lies below 4 GiB";
#endif
	if (*error)
		return NULL;

	// An earlier machine at this address may have left poison behind.
	fl_unpoison(arena, bytes);
	fl_copy(&machine->config, config, sizeof(*config));
	machine->arena = (char *)arena;
	machine->arena_bytes = bytes;
	machine->cpu_tlbstate = (struct cpu_tlbstate *)(void *)(machine->arena +
								layout.cpus);
	for (u32 i = 0; i < config->cpus; i++)
		machine->cpu_tlbstate[i].cpu = i;
	machine->scratch = machine->arena + layout.scratch;
	machine->slab_base = machine->arena + layout.slab;
	machine->slab_end = machine->slab_base + config->slab_bytes;
	machine->slab_next = machine->slab_base;
	raw_spin_lock_init(&machine->slab_lock, "slab_lock");
	machine->mem_map = (struct page *)(void *)(machine->arena +
						   layout.mem_map);
	machine->ram = machine->arena + layout.ram;
	machine->ram_pfn = (kulong)(place_ram(config) >> PAGE_SHIFT);
	machine->ram_pages = (kulong)config->ram_pages;
	if (config->rom_bytes) {
		machine->rom = machine->arena + layout.rom;
		machine->rom_phys = config->rom_phys;
		machine->rom_bytes = page_round(config->rom_bytes);
	}
	machine->sysctl_max_map_count =
		config->max_map_count ? config->max_map_count : 65530;
	machine->fault_around_bytes =
		config->fault_around_bytes ? config->fault_around_bytes : 65536;
	machine->fixes_off = config->fixes_off;
	init_task_setup(machine);

	before = machine_enter(machine);
	init_lists_and_locks(machine);
	fl_poison(machine->slab_base, config->slab_bytes);
	for (u32 i = 0; i < ARRAY_SIZE(kmalloc_names); i++)
		machine->kmalloc_caches[i] = kmem_cache_create(
			machine, kmalloc_names[i], (size_t)32 << i);
	page_alloc_init(machine);
	machine_leave(before);
	return machine;
}

struct task_struct *machine_enter(struct machine *machine)
{
	struct task_struct *before = fl_current;

	fl_current = &machine->init_task;
	return before;
}

void machine_leave(struct task_struct *before)
{
	fl_current = before;
}
