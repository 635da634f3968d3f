// SPDX-License-Identifier: GPL-2.0-only
//
// RCU for objects whose memory must stay what it is while somebody looks at
// them: SLAB_TYPESAFE_BY_RCU of mm/slub.c.
//
// 4.13 gives back the memory of such a cache after a grace period, and may
// hand the object out again, as an object of the same kind, before that.  Here
// the object itself waits until no reader is left, so a reader meets the dead
// object and never its next life.  Locks: machine->typesafe_lock, raw.

#include "mm/sync/internal.h"
#include "mm/sync/slab.h"

namespace {

void set_readers(struct machine *machine, u32 readers)
{
	fl_dirty(&machine->typesafe_readers,
		 sizeof(machine->typesafe_readers));
	machine->typesafe_readers = readers;
}

void set_objects(struct machine *machine, struct rcu_deferred *objects)
{
	fl_dirty(&machine->typesafe_objects,
		 sizeof(machine->typesafe_objects));
	machine->typesafe_objects = objects;
}

} // namespace

void rcu_read_lock_typesafe(void)
{
	struct machine *machine = current_machine();

	rcu_read_lock();
	raw_spin_lock(&machine->typesafe_lock);
	set_readers(machine, machine->typesafe_readers + 1);
	raw_spin_unlock(&machine->typesafe_lock);
}

void rcu_read_unlock_typesafe(void)
{
	struct machine *machine = current_machine();
	struct rcu_deferred *objects = NULL;

	raw_spin_lock(&machine->typesafe_lock);
	BUG_ON(machine->typesafe_readers == 0);
	set_readers(machine, machine->typesafe_readers - 1);
	if (machine->typesafe_readers == 0 && machine->typesafe_objects) {
		objects = machine->typesafe_objects;
		set_objects(machine, NULL);
	}
	raw_spin_unlock(&machine->typesafe_lock);
	rcu_read_unlock();

	while (objects) {
		struct rcu_deferred *next = objects->next;

		kmem_cache_free(objects->cache, objects->object);
		objects = next;
	}
}

void kmem_cache_free_typesafe(struct kmem_cache *cache, void *object,
			      struct rcu_deferred *deferred)
{
	struct machine *machine = cache->machine;
	bool wait;

	raw_spin_lock(&machine->typesafe_lock);
	wait = machine->typesafe_readers != 0;
	if (wait) {
		fl_dirty(deferred, sizeof(*deferred));
		deferred->cache = cache;
		deferred->object = object;
		deferred->next = machine->typesafe_objects;
		set_objects(machine, deferred);
	}
	raw_spin_unlock(&machine->typesafe_lock);
	if (!wait)
		kmem_cache_free(cache, object);
}
