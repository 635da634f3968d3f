/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A kernel build of a few hundred lines with known behaviour, right and
 * wrong, for the tests of what runs kernel builds.  It speaks the interface of
 * mm/interface.h; what a program makes it do is chosen by the advice of
 * madvise(2), the address (in pages) and length (in pages) being arguments.
 *
 * Included by the fake kernel and by tests.
 */
#ifndef FAULTLINE_SIM_TESTING_FAKE_KERNEL_H_
#define FAULTLINE_SIM_TESTING_FAKE_KERNEL_H_

/* i: address in pages, n: length in pages. */
enum fake_command {
	FAKE_INCREMENT = 1000, /* counter[i]++, plain: two accesses */
	FAKE_EXPECT,           /* BUG unless counter[i] == n */
	FAKE_LOCK_UNLOCK,      /* mutex i */
	FAKE_LOCK_BOTH,        /* mutex i, then n, then both free */
	FAKE_LOCKED_INCREMENT, /* counter[i]++ under mutex i */
	FAKE_READ_LOCK_UNLOCK, /* mutex i, for read */
	FAKE_ALLOC,            /* slot[i] = an object */
	FAKE_FREE,             /* frees slot[i] */
	FAKE_USE,              /* writes into slot[i] */
	FAKE_OUT_OF_BOUNDS,    /* writes behind slot[i] */
	FAKE_NULL,             /* reads at NULL + 8 */
	FAKE_WILD,             /* writes to no memory */
	FAKE_HARD_FAULT,       /* likewise, in code that is not instrumented */
	FAKE_OVERFLOW,         /* recursion deeper than any stack */
	FAKE_UNLOCK,           /* mutex i, held or not */
	FAKE_WRONG_MODE,       /* takes mutex i for write, lets go for read */
	FAKE_RECURSION,        /* takes mutex i twice */
	FAKE_LEAVE_LOCKED,     /* takes mutex i */
	FAKE_WARN,
	FAKE_SPIN,      /* until flag[i] is n */
	FAKE_SET_FLAG,  /* flag[i] = n */
	FAKE_LOOP,      /* for ever, touching memory */
	FAKE_SLEEP,     /* until FAKE_WAKE of i */
	FAKE_WAKE,      /* wakes who sleeps on i, or lets the next not sleep */
	FAKE_SECRET,    /* writes memory without an event */
	FAKE_CHOOSE,    /* counter[i] = a choice among n */
	FAKE_CORRUPT,   /* changes a byte of user memory */
	FAKE_LEAVE_BAD, /* the self-check of the process will complain */
};

#define FAKE_SLOTS 8

#endif /* FAULTLINE_SIM_TESTING_FAKE_KERNEL_H_ */
