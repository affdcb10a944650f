/*
 * helper: the verbs that ask the host and not the daemon.  They are programs of their own (setup/): what
 * edits the files of Postfix and Dovecot is text that an administrator can read.
 */
#ifndef ADMIN_HELPER_H
#define ADMIN_HELPER_H

#include <stdio.h>

/*
 * Becomes the helper that the words ask for, with all words but its name; returns where they ask for
 * none.  Ends the process where the helper cannot be run.
 */
void	helper_run(int argc, char **argv);
void	helper_print_all(FILE *out);

#endif
