/* SPDX-License-Identifier: GPL-2.0-only */
/* The compiler is the test; what it made has only to start. */
int main(void)
{
	return 0;
}
