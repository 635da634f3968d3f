// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a processor without an MMU does for code in user mode: it puts the
 * address on the bus.
 *
 *   mmu_access, mmu_copy       as in user.cc, but nothing is translated
 *   user_access                one access; a signal only if nothing answers
 *
 * There is no permission to lack and no fault to take: an access by any program
 * reaches any frame of RAM, whoever has it, and any byte of the ROM window.
 * Stores to ROM have no effect.  Where neither is, the bus says so: SIGBUS.
 * What the program should not have touched, the checkers tell from the event:
 * a frame that is free is a use after free.
 *
 * uml_access and sparc32_access are plain accesses here; do_page_fault is
 * never called.
 *
 * Left out: memory protection units; the kernel's own structures that are not
 * in frames of RAM (they have no physical address in this model).  No locks.
 */
#include "mm/fault.h"
#include "mm/nommu.h"
#include "mm/sync/sched.h"
#include "mm/sync/string.h"

extern "C" {

/* Where [addr, addr + size) lies, all of it in one bank; or NULL. */
static char *bus(kulong addr, u32 size)
{
	char *first = (char *)phys_to_virt(addr);
	char *last = (char *)phys_to_virt((phys_addr_t)addr + size - 1);

	return first && last == first + (size - 1) ? first : NULL;
}

int mmu_access(u32 kind, kulong addr, u32 size, u64 *value, u32 *error_code)
{
	char *bytes = bus(addr, size);

	*error_code = 0;
	if (!bytes)
		return -EIO;
	if (kind == FL_STORE) {
		fl_event(FL_EV_USER_WRITE, bytes, size, 0, NULL);
		if (likely(!in_rom(current_machine(), bytes)))
			store_bytes(bytes, size, *value);
	} else {
		fl_event(FL_EV_USER_READ, bytes, size, 0, NULL);
		*value = load_bytes(bytes, size);
	}
	return 0;
}

int mmu_copy(u32 kind, kulong addr, void *buf, u32 size, u32 *error_code)
{
	char *bytes = bus(addr, size);

	*error_code = 0;
	if (!bytes)
		return -EIO;
	if (kind == FL_STORE) {
		fl_event(FL_EV_RANGE_READ, buf, size, 0, NULL);
		fl_event(FL_EV_USER_WRITE, bytes, size, 0, NULL);
		if (likely(!in_rom(current_machine(), bytes)))
			copy_bytes(bytes, (const char *)buf, size);
	} else {
		fl_event(FL_EV_USER_READ, bytes, size, 0, NULL);
		fl_event(FL_EV_RANGE_WRITE, buf, size, 0, NULL);
		copy_bytes((char *)buf, bytes, size);
	}
	return 0;
}

int copy_user_page_inatomic(void *to, kulong addr)
{
	u32 error_code;

	return mmu_copy(FL_LOAD, addr, to, PAGE_SIZE, &error_code);
}

void do_page_fault(kulong address, u32 error_code)
{
	(void)address;
	(void)error_code;
	BUG();
}

void user_access(u32 kind, u64 addr, u32 size, u64 value,
		 struct fl_user_result *result)
{
	struct task_struct *task = current;
	u32 error_code;

	user_access_begin(task, result);
	if (user_signal(task, result))
		return;
	if (addr <= (u64)TASK_SIZE &&
	    !mmu_access(kind, (kulong)addr, size, &value, &error_code)) {
		if (kind != FL_STORE)
			result->value = value;
		return;
	}
	force_sig_fault(SIGBUS, BUS_ADRERR, (kulong)addr);
	user_signal(task, result);
}

void uml_access(u32 kind, u64 addr, u32 size, u64 value,
		struct fl_user_result *result)
{
	user_access(kind, addr, size, value, result);
}

void sparc32_access(u32 kind, u64 addr, u32 size, u64 value,
		    struct fl_user_result *result)
{
	user_access(kind, addr, size, value, result);
}

} /* extern "C" */
