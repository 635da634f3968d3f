// SPDX-License-Identifier: GPL-2.0-only
/*
 * When nothing is left: mm/oom_kill.c of 4.13.
 *
 *   pagefault_out_of_memory, out_of_memory
 *   select_bad_process          oom_evaluate_task, oom_badness
 *   oom_kill_process            mark_oom_victim, exit_oom_victim
 *   oom_reap                    the loop of oom_reaper, without its sleep:
 *                               oom_reap_task, __oom_reap_task_mm
 *   oom_kill                    moom_callback of drivers/tty/sysrq.c
 *
 * The reaper cannot wait for mmap_sem, whose holder may be waiting for
 * memory: it tries, ten times.  It marks the mm before it zaps, so that a
 * fault that comes after gets SIGBUS and not fresh zeros, and it holds a user
 * of the mm, so that exit_mmap cannot run beside it.
 *
 * A task that shares the victim's mm dies with it.  Each task here is a
 * process of its own to the killer, and has no children.
 *
 * Left out: cgroups, NUMA constraints, panic_on_oom, notifiers, the header in
 * the log, memory reserves for victims, bonus for root.  The killer runs for
 * a page fault only, and only when no frame is left at all: an allocation
 * that failed for another reason is tried again by faulting again.
 *
 * Locks: oom_lock; inside it mmap_sem for reading, tasks_lock,
 * oom_reaper_lock.
 */
#include "mm/fault.h"
#include "mm/internal.h"
#include "mm/rmap.h"
#include "mm/sync/sched.h"

extern "C" {

#define OOM_SCORE_ADJ_MIN (-1000)
#define MAX_OOM_REAP_RETRIES 10

struct oom_control {
	kulong totalpages;
	kulong chosen_points;
	struct task_struct *chosen;
	bool sysrq;
	bool abort; /* an earlier victim still has memory to give */
};

static struct mm_struct *find_task_mm(struct task_struct *task)
{
	return task_grab_mm(task, offsetof(struct mm_struct, mm_count));
}

kulong oom_badness(struct task_struct *task, kulong totalpages)
{
	struct mm_struct *mm;
	klong adj, points;

	mm = find_task_mm(task);
	if (!mm)
		return 0;
	adj = task->oom_score_adj;
	if (adj == OOM_SCORE_ADJ_MIN || test_bit(MMF_OOM_SKIP, &mm->flags)) {
		mmdrop(mm);
		return 0;
	}
	points = (klong)(get_mm_rss(mm) + get_mm_counter(mm, MM_SWAPENTS)) +
		 atomic_long_read(&mm->nr_ptes) +
		 atomic_long_read(&mm->nr_pmds);
	mmdrop(mm);
	adj *= (klong)(totalpages / 1000);
	points += adj;
	return points > 0 ? (kulong)points : 1;
}

/* Was chosen before; *reaped: and has nothing to give any more. */
static bool tsk_is_oom_victim(struct task_struct *task, bool *reaped)
{
	struct machine *machine = task->machine;
	bool victim;

	spin_lock(&machine->oom_reaper_lock);
	victim = task->oom_mm != NULL;
	*reaped = victim && test_bit(MMF_OOM_SKIP, &task->oom_mm->flags);
	spin_unlock(&machine->oom_reaper_lock);
	return victim;
}

/* True: look no further. */
static bool oom_evaluate_task(struct task_struct *task, struct oom_control *oc)
{
	kulong points;
	bool reaped;

	if (!oc->sysrq && tsk_is_oom_victim(task, &reaped)) {
		if (reaped)
			return false;
		oc->chosen = NULL;
		oc->abort = true;
		return true;
	}
	points = oom_badness(task, oc->totalpages);
	if (points > oc->chosen_points) {
		oc->chosen = task;
		oc->chosen_points = points;
	}
	return false;
}

/* Tasks come and go only while none is inside model code: no lock. */
static void select_bad_process(struct oom_control *oc)
{
	struct list_head *head = &current_machine()->tasks;
	struct task_struct *task;

	list_for_each_entry(task, head, struct task_struct, tasks)
	{
		if (oom_evaluate_task(task, oc))
			break;
	}
}

/* mm: the victim's, with a reference that the mark takes over or drops. */
static void mark_oom_victim(struct task_struct *task, struct mm_struct *mm)
{
	struct machine *machine = task->machine;
	bool first;

	spin_lock(&machine->oom_reaper_lock);
	first = !task->oom_mm;
	if (first) {
		task->oom_mm = mm;
		task->oom_victim = true;
		/* wake_oom_reaper */
		task->oom_reaper_list = machine->oom_reaper_list;
		task->oom_reaper_queued = true;
		machine->oom_reaper_list = task;
	}
	spin_unlock(&machine->oom_reaper_lock);
	if (first)
		atomic_inc(&machine->oom_victims);
	else
		mmdrop(mm);
}

/* current has let its mm go, or never was a victim. */
void exit_oom_victim(void)
{
	struct task_struct *task = current, **link;
	struct machine *machine = task->machine;
	struct mm_struct *mm;

	if (likely(!READ_ONCE(task->oom_victim)))
		return;
	spin_lock(&machine->oom_reaper_lock);
	for (link = &machine->oom_reaper_list; task->oom_reaper_queued && *link;
	     link = &(*link)->oom_reaper_list) {
		if (*link == task) {
			*link = task->oom_reaper_list;
			task->oom_reaper_queued = false;
			break;
		}
	}
	mm = task->oom_mm;
	task->oom_mm = NULL;
	task->oom_victim = false;
	spin_unlock(&machine->oom_reaper_lock);
	mmdrop(mm);
	atomic_dec(&machine->oom_victims);
}

static void oom_kill_process(struct oom_control *oc)
{
	struct task_struct *victim = oc->chosen, *task;
	struct list_head *head = &victim->machine->tasks;
	struct mm_struct *mm = find_task_mm(victim);

	if (!mm)
		return;
	pr_err("Out of memory: Kill process (%s) score %llu", victim->comm,
	       KL(oc->chosen_points));
	/* The signal first: a victim must not go on using what is freed. */
	send_sig(SIGKILL, victim);
	list_for_each_entry(task, head, struct task_struct, tasks)
	{
		if (task != victim && READ_ONCE(task->mm) == mm)
			send_sig(SIGKILL, task);
	}
	mark_oom_victim(victim, mm);
}

static bool select_and_kill(bool sysrq)
{
	struct oom_control oc = {current_machine()->ram_pages, 0, NULL, sysrq,
				 false};

	/* Who is dying already only needs to be left alone. */
	if (fatal_signal_pending(current)) {
		struct mm_struct *mm = find_task_mm(current);

		if (mm) {
			mark_oom_victim(current, mm);
			return true;
		}
	}
	select_bad_process(&oc);
	if (oc.chosen)
		oom_kill_process(&oc);
	return oc.chosen || oc.abort;
}

bool out_of_memory(void)
{
	return select_and_kill(false);
}

s64 oom_kill(void)
{
	struct machine *machine = current_machine();
	bool done;

	mutex_lock(&machine->oom_lock);
	done = select_and_kill(true);
	mutex_unlock(&machine->oom_lock);
	return done ? 0 : -EAGAIN;
}

/* VM_FAULT_OOM in user mode; no lock held.  The caller faults again. */
void pagefault_out_of_memory(void)
{
	struct machine *machine = current_machine();

	if (READ_ONCE(machine->nr_free) == 0 &&
	    mutex_trylock(&machine->oom_lock)) {
		(void)out_of_memory();
		mutex_unlock(&machine->oom_lock);
	}
	cond_resched();
}

/* ---- the reaper ---- */

#ifdef CONFIG_MMU

static bool can_madv_dontneed_vma(const struct vm_area_struct *vma)
{
	return !(vma->vm_flags & (VM_LOCKED | VM_HUGETLB | VM_PFNMAP));
}

/* False: mmap_sem was busy. */
static bool __oom_reap_task_mm(struct mm_struct *mm)
{
	struct machine *machine = mm->machine;
	struct vm_area_struct *vma;
	struct mmu_gather tlb;

	mutex_lock(&machine->oom_lock);
	if (!down_read_trylock(&mm->mmap_sem)) {
		mutex_unlock(&machine->oom_lock);
		return false;
	}
	/* Its last user is in exit_mmap or past it: that frees as much. */
	if (!mmget_not_zero(mm)) {
		up_read(&mm->mmap_sem);
		mutex_unlock(&machine->oom_lock);
		return true;
	}

	set_bit(MMF_UNSTABLE, &mm->flags);
	tlb_gather_mmu(&tlb, mm, 0, (kulong)-1);
	for (vma = mm->mmap; vma; vma = vma->vm_next) {
		if (!can_madv_dontneed_vma(vma))
			continue;
		if (vma_is_anonymous(vma) || !(vma->vm_flags & VM_SHARED))
			unmap_page_range(&tlb, vma, vma->vm_start, vma->vm_end,
					 NULL);
	}
	tlb_finish_mmu(&tlb, 0, (kulong)-1);
	up_read(&mm->mmap_sem);
	mutex_unlock(&machine->oom_lock);
	/* 4.13 has a work queue do this, not to be held up itself. */
	mmput(mm);
	return true;
}

static void oom_reap_task(struct mm_struct *mm)
{
	int attempts = 0;

	while (attempts++ < MAX_OOM_REAP_RETRIES && !__oom_reap_task_mm(mm))
		cond_resched();
	/* Reaped, or whoever holds mmap_sem cannot be helped: the next one. */
	set_bit(MMF_OOM_SKIP, &mm->flags);
}

s64 oom_reap(void)
{
	struct machine *machine = current_machine();
	s64 reaped = 0;

	for (;;) {
		struct mm_struct *mm = NULL;
		struct task_struct *task;

		spin_lock(&machine->oom_reaper_lock);
		task = machine->oom_reaper_list;
		if (task) {
			machine->oom_reaper_list = task->oom_reaper_list;
			task->oom_reaper_list = NULL;
			task->oom_reaper_queued = false;
			mm = task->oom_mm;
			mmgrab(mm);
		}
		spin_unlock(&machine->oom_reaper_lock);
		if (!mm)
			return reaped;
		oom_reap_task(mm);
		mmdrop(mm);
		reaped++;
	}
}

#else

/* Without page tables there is nothing that could be taken back. */
s64 oom_reap(void)
{
	return 0;
}

#endif /* CONFIG_MMU */

} /* extern "C" */
