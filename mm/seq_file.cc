// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the lines of /proc/PID/maps are made of, with an MMU or without: seq_pad
 * and seq_file_path of fs/seq_file.c of 4.13.
 *
 * Left out: the buffer and its growth, as the reader brings the room; mounts,
 * so that a path starts at its file system's root.  No locks.
 */
#include "mm/seq_file.h"

/* Up to the width set for this line, and one blank in any case. */
void seq_pad(struct seq_file *m)
{
	while (m->count < m->pad_until)
		seq_putc(m, ' ');
	seq_putc(m, ' ');
}

/* The path of an open file; a newline would end the line, so it is \012. */
void seq_file_path(struct seq_file *m, const struct file *file)
{
	const char *name;

	if (file_path_lacks_slash(file, &name))
		seq_putc(m, '/');
	for (; *name; name++) {
		if (*name == '\n')
			seq_puts(m, "\\012");
		else
			seq_putc(m, *name);
	}
	if (!file->f_inode->i_nlink)
		seq_puts(m, " (deleted)");
}
