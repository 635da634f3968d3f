/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text for a reader who brings the room (include/linux/seq_file.h): what does
 * not fit is counted only.
 */
#ifndef FAULTLINE_MM_SEQ_FILE_H_
#define FAULTLINE_MM_SEQ_FILE_H_

#include "mm/mm.h"

FL_BEGIN_DECLS

/* A text that may be longer than its room: `count` goes on counting. */
struct seq_file {
	char *text;
	u64 bytes;
	u64 count;
	u64 pad_until;
};

static inline void seq_putc(struct seq_file *m, char c)
{
	if (m->count + 1 < m->bytes)
		m->text[m->count] = c;
	m->count++;
}

static inline void seq_puts(struct seq_file *m, const char *text)
{
	for (; *text; text++)
		seq_putc(m, *text);
}
/* Ends the text; the bytes it needs without its NUL. */
static inline u64 seq_end(struct seq_file *m)
{
	if (m->bytes)
		m->text[m->count < m->bytes ? m->count : m->bytes - 1] = '\0';
	return m->count;
}

/*
 * The path of an open file as far as it is known: true and *name is all but
 * the '/' at its beginning.
 */
static inline bool file_path_lacks_slash(const struct file *file,
					 const char **name)
{
	const struct dentry *dentry = file_dentry(file);

	/* The directories stand before the name if there was room. */
	*name = dentry->d_name.name;
	if (*name >= dentry->d_iname && *name <= dentry->d_iname + NAME_MAX)
		*name = dentry->d_iname;
	return **name != '/';
}

/* Up to the width set for this line (pad_until), and one blank in any case. */
void seq_pad(struct seq_file *m);
/* The path of an open file; a newline would end the line, so it is \012. */
void seq_file_path(struct seq_file *m, const struct file *file);
/* Of every file: 00:0f. */
#define SHOW_DEV_MAJOR 0x00u
#define SHOW_DEV_MINOR 0x0fu
/* task_mmu.cc, task_nommu.cc: the line of /proc/PID/maps. */
void show_map_vma(struct seq_file *m, const struct vm_area_struct *vma);

FL_END_DECLS

#endif /* FAULTLINE_MM_SEQ_FILE_H_ */
