/* SPDX-License-Identifier: GPL-2.0-only */
/* Doubly linked circular lists (include/linux/list.h). */
#ifndef FAULTLINE_MM_SYNC_LIST_H_
#define FAULTLINE_MM_SYNC_LIST_H_

#include "mm/sync/types.h"

struct list_head {
	struct list_head *next, *prev;
};

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	list->next = list;
	list->prev = list;
}
static inline void fl_list_insert(struct list_head *item,
				  struct list_head *before,
				  struct list_head *after)
{
	after->prev = item;
	item->next = after;
	item->prev = before;
	before->next = item;
}
static inline void list_add(struct list_head *item, struct list_head *head)
{
	fl_list_insert(item, head, head->next);
}
static inline void list_add_tail(struct list_head *item,
				 struct list_head *head)
{
	fl_list_insert(item, head->prev, head);
}
static inline void list_del(struct list_head *item)
{
	item->next->prev = item->prev;
	item->prev->next = item->next;
	item->next = NULL;
	item->prev = NULL;
}
static inline void list_del_init(struct list_head *item)
{
	item->next->prev = item->prev;
	item->prev->next = item->next;
	INIT_LIST_HEAD(item);
}
static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}
static inline bool list_is_singular(const struct list_head *head)
{
	return head->next != head && head->next == head->prev;
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first_entry(head, type, member) \
	list_entry((head)->next, type, member)
#define list_next_entry(pos, type, member) \
	list_entry((pos)->member.next, type, member)
/* type is named, for C11 and C++20 spell typeof differently. */
#define list_for_each_entry(pos, head, type, member)                  \
	for (pos = list_first_entry(head, type, member);              \
	     &pos->member != (head);                                  \
	     pos = list_next_entry(pos, type, member))
#define list_for_each_entry_safe(pos, n, head, type, member)          \
	for (pos = list_first_entry(head, type, member),              \
	    n = list_next_entry(pos, type, member);                   \
	     &pos->member != (head);                                  \
	     pos = n, n = list_next_entry(n, type, member))
#define list_for_each_entry_reverse(pos, head, type, member)          \
	for (pos = list_entry((head)->prev, type, member);            \
	     &pos->member != (head);                                  \
	     pos = list_entry(pos->member.prev, type, member))

#endif /* FAULTLINE_MM_SYNC_LIST_H_ */
