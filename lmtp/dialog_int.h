/*
 * What the two halves of a dialog, dialog.c and answer.c, share.
 */
#ifndef LMTP_DIALOG_INT_H
#define LMTP_DIALOG_INT_H

#include "lmtp/dialog.h"
#include "lmtp/reply.h"

/* Speaks those of our own answers that are first in line. */
void	dialog_say_ours(struct dialog *d);
/* A message went through, with whatever answers. */
void	dialog_transaction_over(struct dialog *d);
/* The address of an RCPT or RECIPIENT that is no longer due: the caller's from now on. */
char	*dialog_take_recipient(struct dialog *d, const struct expect *e);

#endif
