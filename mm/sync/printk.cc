// SPDX-License-Identifier: GPL-2.0-only
//
// The kernel log and its formats (kernel/printk/printk.c, lib/vsprintf.c).
//
// Left out: the ring buffer, continuation lines, precisions, and the %p
// extensions; %p prints the plain value.  A log line is cut at 255 bytes.

#include "mm/sync/internal.h"

namespace {

struct Output {
	char *to;
	size_t room; // bytes that fit, without the NUL
	size_t length; // bytes that were wanted
};

void put(struct Output *out, char c)
{
	if (out->length < out->room)
		out->to[out->length] = c;
	out->length++;
}

void put_padded(struct Output *out, const char *text, u32 length, u32 width)
{
	for (; width > length; width--)
		put(out, ' ');
	for (u32 i = 0; i < length; i++)
		put(out, text[i]);
}

struct Directive {
	bool alternate, zero, wide;
	u32 width;
};

// sign is '-' or 0; base is 10 or 16.
void put_number(struct Output *out, const struct Directive *directive,
		u64 value, u32 base, char sign)
{
	char digits[24];
	u32 at = sizeof(digits);
	u32 prefix = (sign ? 1 : 0);
	const bool hex_mark = directive->alternate && base == 16 && value;

	do {
		digits[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (hex_mark)
		prefix += 2;
	u32 zeros = 0;
	const u32 length = (u32)sizeof(digits) - at + prefix;
	if (directive->width > length) {
		if (directive->zero)
			zeros = directive->width - length;
		else
			for (u32 i = length; i < directive->width; i++)
				put(out, ' ');
	}
	if (sign)
		put(out, sign);
	if (hex_mark) {
		put(out, '0');
		put(out, 'x');
	}
	while (zeros--)
		put(out, '0');
	while (at < sizeof(digits))
		put(out, digits[at++]);
}

void format_string(struct Output *out, const char *text, u32 width)
{
	u32 length = 0;

	if (!text)
		text = "(null)";
	while (text[length]) {
		length++;
		barrier();
	}
	put_padded(out, text, length, width);
}

const char *parse_directive(const char *format, struct Directive *directive)
{
	directive->alternate = directive->zero = directive->wide = false;
	directive->width = 0;
	for (;; format++) {
		if (*format == '#')
			directive->alternate = true;
		else if (*format == '0')
			directive->zero = true;
		else
			break;
	}
	for (; *format >= '0' && *format <= '9'; format++)
		directive->width =
			directive->width * 10 + (u32)(*format - '0');
	for (; *format == 'l' || *format == 'z'; format++)
		directive->wide = true;
	return format;
}

// The bytes wanted, without the NUL that ends what fits.
size_t format_to(char *to, size_t bytes, const char *format,
		 __builtin_va_list args)
{
	struct Output out = { to, bytes ? bytes - 1 : 0, 0 };
	struct Directive directive;

	for (; *format; format++) {
		const char *start = format;
		u64 number;
		s64 signed_number;
		char c;

		if (*format != '%') {
			put(&out, *format);
			continue;
		}
		format = parse_directive(format + 1, &directive);
		switch (*format) {
		case '%':
			put(&out, '%');
			break;
		case 'c':
			c = (char)__builtin_va_arg(args, int);
			put_padded(&out, &c, 1, directive.width);
			break;
		case 's':
			format_string(&out, __builtin_va_arg(args, char *),
				      directive.width);
			break;
		case 'd':
		case 'i':
			signed_number = directive.wide ?
						__builtin_va_arg(args, s64) :
						__builtin_va_arg(args, int);
			number = signed_number < 0 ? -(u64)signed_number :
						     (u64)signed_number;
			put_number(&out, &directive, number, 10,
				   signed_number < 0 ? '-' : 0);
			break;
		case 'u':
		case 'x':
			number = directive.wide ?
					 __builtin_va_arg(args, u64) :
					 __builtin_va_arg(args, unsigned);
			put_number(&out, &directive, number,
				   *format == 'x' ? 16 : 10, 0);
			break;
		case 'p':
			number = (u64)(uintptr_t)__builtin_va_arg(args, void *);
			directive.zero = true;
			directive.width = 2 * sizeof(void *);
			put_number(&out, &directive, number, 16, 0);
			break;
		default: // not a directive: shown as it stands
			while (start < format)
				put(&out, *start++);
			if (!*format) {
				format--;
				break;
			}
			put(&out, *format);
		}
	}
	if (bytes)
		to[out.length < out.room ? out.length : out.room] = '\0';
	return out.length;
}

} // namespace

int fl_printk(int level, const char *format, ...)
{
	char line[256];
	char *start = line;
	__builtin_va_list args;

	__builtin_va_start(args, format);
	const size_t length = format_to(line, sizeof(line), format, args);
	__builtin_va_end(args);
	for (char *at = line; *at; at++) {
		if (*at != '\n')
			continue;
		*at = '\0';
		fl_runtime.print(level, start);
		start = at + 1;
	}
	if (*start)
		fl_runtime.print(level, start);
	return (int)length;
}

int fl_snprintf(char *to, size_t bytes, const char *format, ...)
{
	__builtin_va_list args;

	if (bytes)
		fl_dirty(to, bytes);
	__builtin_va_start(args, format);
	const size_t length = format_to(to, bytes, format, args);
	__builtin_va_end(args);
	return (int)length;
}
